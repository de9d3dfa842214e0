import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSseParser, SSE_FRAME_MAX, type SseEvent } from '../../src/engines/sse.js';

function parse(chunks: readonly Uint8Array[]): SseEvent[] {
  const seen: SseEvent[] = [];
  const parser = createSseParser((e) => seen.push(e));
  for (const chunk of chunks) parser.push(chunk);
  parser.end();
  return seen;
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('an event stream', () => {
  test.each<[string, string, SseEvent[]]>([
    ['a plain frame', 'data: x\n\n', [{ event: null, data: 'x' }]],
    ['no space after the colon', 'data:x\n\n', [{ event: null, data: 'x' }]],
    ['only one space is taken away', 'data:  x\n\n', [{ event: null, data: ' x' }]],
    ['a named event', 'event: error\ndata: {}\n\n', [{ event: 'error', data: '{}' }]],
    ['several data lines are joined', 'data: a\ndata: b\n\n', [{ event: null, data: 'a\nb' }]],
    ['comments and unknown fields are nothing', ': ping\n\nid: 3\nretry: 1\ndata: a\n\n', [{ event: null, data: 'a' }]],
    ['a name without data is no event', 'event: x\n\ndata: a\n\n', [{ event: null, data: 'a' }]],
    ['a field without a colon is empty', 'data\n\n', [{ event: null, data: '' }]],
    ['an unfinished frame is dropped', 'data: a\n\ndata: b\n', [{ event: null, data: 'a' }]],
  ])('%s', (_name, text, events) => {
    expect(parse([bytes(text)])).toEqual(events);
    expect(parse([bytes(text.replaceAll('\n', '\r\n'))])).toEqual(events);
  });

  test('reads the same however its bytes are split', () => {
    const text = 'event: tök\r\ndata: 漢字 🙂\r\n\r\n: ping\n\ndata: {"a":"é"}\ndata: 2\n\n';
    const whole = parse([bytes(text)]);
    expect(whole).toHaveLength(2);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: bytes(text).length }), { maxLength: 12 }), (cuts) => {
        const all = bytes(text);
        const at = [0, ...cuts.sort((a, b) => a - b), all.length];
        expect(parse(at.slice(1).map((end, i) => all.subarray(at[i], end)))).toEqual(whole);
      }),
    );
  });

  test('a frame without end is refused at its limit', () => {
    const parser = createSseParser(() => undefined);
    expect(parser.push(new Uint8Array(SSE_FRAME_MAX).fill(97))).toBe(true);
    expect([parser.push(bytes('a')), parser.push(bytes('\n\ndata: b\n\n'))]).toEqual([false, false]);
    const lines = createSseParser(() => undefined);
    const line = bytes(`data: ${'a'.repeat(1000)}\n`);
    const pushed = Array.from({ length: 2_000 }, () => lines.push(line));
    expect([pushed[0], pushed.at(-1)]).toEqual([true, false]);
  });
});
