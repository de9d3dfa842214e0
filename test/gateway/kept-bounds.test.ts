/** What is kept of one stream or answer stays within its bound, whatever the cluster says and in whatever pieces. */
import { expect, test } from 'vitest';
import { createSseParser } from '../../src/engines/sse.js';
import { AnswerSeen } from '../../src/gateway/account/answer-seen.js';
import { IdsSoFar } from '../../src/gateway/continuation/ids-so-far.js';
import { SaidIds } from '../../src/gateway/continuation/said-ids.js';
import { Said } from '../../src/gateway/continuation/said.js';
import { Transcript } from '../../src/gateway/continuation/transcript.js';
import { StreamScan } from '../../src/gateway/request/stream-scan.js';
import { retainedBytes } from '../kit/retained-bytes.js';
import { delta, frame } from './upstream.js';

const KIB = 1024;
const COUNT = 2;

const line = (text: string): Buffer => Buffer.from(frame(delta(text)));
const ids = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

function heard(scan: StreamScan, pieces: readonly Buffer[]): StreamScan {
  for (const piece of pieces) scan.push(piece);
  return scan;
}

/** Frames of one token each, `count` times. */
function saidBy(said: Said, text: string, count: number): Said {
  heard(
    new StreamScan('choices', 1, said),
    Array.from({ length: count }, () => line(text)),
  );
  return said;
}

function withIds(idsKept: SaidIds, frames: number, each: number): SaidIds {
  idsKept.take({ prompt_token_ids: ids(0, 190_000) }, {}, '');
  for (let i = 0; i < frames; i += 1) idsKept.take({}, { token_ids: ids(i, each) }, 'x');
  return idsKept;
}

function transcript(): Transcript {
  const order = { api: 'completions', translates: false, continueBy: 'token-ids' } as const;
  const body = Buffer.from('{"prompt":"x","stream":true}');
  const kept = new Transcript({ ...order, body, parsed: JSON.parse(body.toString()) as unknown });
  for (let leg = 0; leg < 10; leg += 1) {
    const said = kept.listen();
    if (said !== null) saidBy(said, 'x'.repeat(1_000), 240);
    kept.broke({ name: `c${leg}`, model: 'm', engine: 'vllm' });
  }
  return kept;
}

const byByte = (bytes: Buffer): readonly Buffer[] => Array.from(bytes, (byte) => Buffer.from([byte]));

test.each<[string, number, () => unknown]>([
  ['the text of a stream, up to its limit', 450 * KIB, () => saidBy(new Said(), 'x'.repeat(100), 2_500)],
  ['the text of a stream, beyond its limit', 50 * KIB, () => saidBy(new Said(), 'x'.repeat(1_000), 4_000)],
  ['token ids, one by one', 2_048 * KIB, () => withIds(new SaidIds(), 70_000, 1)],
  ['token ids, many at once', 2_048 * KIB, () => withIds(new SaidIds(), 3, 60_000)],
  ['the ids of a prompt that is too long', 50 * KIB, () => { const kept = new SaidIds(); kept.take({ prompt_token_ids: ids(0, 300_000) }, {}, ''); return kept; }], // prettier-ignore
  ['ids over several clusters', 4_096 * KIB, () => { const kept = new IdsSoFar(true); for (let i = 0; i < 5; i += 1) kept.heard(withIds(new SaidIds(), 60, 1_000).known, 'x'); return kept; }], // prettier-ignore
  ['what was said over all clusters', 2_048 * KIB, transcript],
  ['a line without an end', 2_300 * KIB, () => heard(new StreamScan('choices', 1, new Said()), Array.from({ length: 63 }, () => Buffer.alloc(16 * KIB, 97)))], // prettier-ignore
  ['a line that is too long', 100 * KIB, () => heard(new StreamScan('choices', 1, new Said()), Array.from({ length: 80 }, () => Buffer.alloc(16 * KIB, 97)))], // prettier-ignore
  ['a line, a byte at a time', 600 * KIB, () => heard(new StreamScan('choices', 1, new Said()), byByte(Buffer.alloc(64 * KIB, 97)))], // prettier-ignore
  ['an event, a byte at a time', 1_200 * KIB, () => { const parser = createSseParser(() => undefined); for (const byte of byByte(Buffer.alloc(64 * KIB, 97))) parser.push(byte); return parser; }], // prettier-ignore
  ['an event of empty lines', 2_048 * KIB, () => { const parser = createSseParser(() => undefined); parser.push(Buffer.from('data:\n'.repeat(100_000))); return parser; }], // prettier-ignore
  ['what an account sees of an answer', 100 * KIB, () => { const res = { onPiece: null as ((piece: unknown, encoding: unknown) => void) | null }; const seen = new AnswerSeen(res as never, { reasons: true }); for (let i = 0; i < 500; i += 1) res.onPiece?.(Buffer.alloc(8 * KIB, 97), undefined); return seen; }], // prettier-ignore
])('%s', (_name, bytesMax, kept) => {
  kept(); // what is made once
  const before = retainedBytes();
  const all = Array.from({ length: COUNT }, kept);
  expect((retainedBytes() - before) / COUNT).toBeLessThan(bytesMax);
  expect(all).toHaveLength(COUNT);
});
