import { describe, expect, test } from 'vitest';
import { renderLine, renderRoot, SECTION_CHARS_MAX, TEXT_CHARS_MAX } from '../../src/notify/slack-blocks.js';
import type { StoryHead } from '../../src/domain/story.js';
import { sampleHead, sampleLine, sampleView } from '../kit/story-samples.js';

const textsOf = (change: Partial<StoryHead> = {}, ended = false): string[] =>
  renderRoot(sampleView({ head: sampleHead(change), ended })).blocks.map((block) =>
    block.type === 'section' ? block.text.text : block.elements.map((element) => element.text).join(),
  );

describe('the root message', () => {
  test('says title, state, cause, route and what to type, in that order', () => {
    expect(textsOf()).toEqual([
      ':arrows_counterclockwise: *chat: failover eu-a → us-b*\nshifting 25 %',
      'eu-a is dead: connection refused, 3 in a row (seen by local)',
      'eu-a → us-b  ▓▓▓▓▓░░░░░░░░░░░░░░░  25 %',
      'You can:\n```understudy watch chat\nunderstudy abort chat```',
      '`story/move/chat/7`',
    ]);
  });

  test('has a fallback text that stands alone', () => {
    expect(renderRoot(sampleView()).text).toBe(
      'chat: failover eu-a → us-b: shifting 25 %. eu-a is dead: connection refused, 3 in a row (seen by local)',
    );
  });

  test.each<[string, Partial<StoryHead>, string]>([
    ['nothing moved yet', { progressPct: null }, 'eu-a → us-b'],
    ['at 0 %', { progressPct: 0 }, `eu-a → us-b  ${'░'.repeat(20)}  0 %`],
    ['at 100 %', { progressPct: 100 }, `eu-a → us-b  ${'▓'.repeat(20)}  100 %`],
    ['above 100 %', { progressPct: 104 }, `eu-a → us-b  ${'▓'.repeat(20)}  100 %`],
    ['a share that is no number', { progressPct: Number.NaN }, 'eu-a → us-b'],
    ['several sources', { from: ['a', 'b'], progressPct: null }, 'a, b → us-b'],
    ['an alert without a target', { to: null, progressPct: null }, 'eu-a'],
  ])('draws the route: %s', (_name, change, line) => {
    expect(textsOf(change)[2]).toBe(line);
  });

  test.each<[string, Partial<StoryHead>, string]>([
    ['a call to everybody', { cause: '<!channel> help' }, '&lt;!channel&gt; help'],
    ['a link', { cause: '<http://evil|click>' }, '&lt;http://evil|click&gt;'],
    ['an ampersand', { cause: 'a & b' }, 'a &amp; b'],
  ])('takes the teeth out of %s', (_name, change, text) => {
    expect(textsOf(change)[1]).toBe(text);
    expect(renderRoot(sampleView({ head: sampleHead(change) })).text).not.toMatch(/<[!@#h]/u);
  });

  test('keeps backticks of a command from ending the code block', () => {
    expect(textsOf({ next: ['run ```this```\nnow'] })[3]).toBe("You can:\n```run '''this''' now```");
  });

  test('leaves out what is empty', () => {
    expect(textsOf({ cause: ' ', from: [], to: null, progressPct: null, next: [] })).toEqual([
      ':arrows_counterclockwise: *chat: failover eu-a → us-b*\nshifting 25 %',
      '`story/move/chat/7`',
    ]);
  });

  test('names the commands of an ended story as those for afterwards', () => {
    expect(textsOf({ tone: 'good', state: 'done' }, true)[3]).toMatch(/^Afterwards:/u);
  });

  test.each(['x', '&', '<', '\u{1F525}', '`', 'ä\n'])(
    'stays within all limits of Slack however much there is of %j',
    (char) => {
      const much = char.repeat(20_000);
      const head = sampleHead({
        title: much,
        state: much,
        cause: much,
        to: much,
        from: Array(50).fill(much),
        next: Array(99).fill(much),
      });
      const { text, blocks } = renderRoot(sampleView({ id: much, head }));
      expect(text.length).toBeLessThanOrEqual(TEXT_CHARS_MAX);
      expect(blocks.length).toBeLessThanOrEqual(50);
      for (const block of blocks) {
        const texts = block.type === 'section' ? [block.text.text] : block.elements.map((element) => element.text);
        for (const part of texts) {
          expect(part.length).toBeGreaterThan(0);
          expect(part.length).toBeLessThanOrEqual(SECTION_CHARS_MAX);
          expect(part.replace(/&(amp|lt|gt);/gu, '')).not.toMatch(/[&<>]/u);
        }
      }
    },
  );
});

describe('a line of the thread', () => {
  test('carries its own time, so that a late one is seen to be late', () => {
    const line = sampleLine('1', { atMs: Date.UTC(2026, 0, 2, 3, 4, 5), text: 'eu-a is dead' });
    expect(renderLine(line).text).toBe('<!date^1767323045^{time_secs}|03:04:05 UTC> eu-a is dead');
  });

  test('is cut, and is harmless', () => {
    const { text } = renderLine(sampleLine('1', { text: `<!here>${'&'.repeat(5_000)}` }));
    expect(text.length).toBeLessThanOrEqual(TEXT_CHARS_MAX);
    expect(text).toContain('&lt;!here&gt;');
    expect(text).toMatch(/&amp;…$/u);
  });

  test('survives a time that is none', () => {
    expect(renderLine(sampleLine('1', { atMs: Number.NaN })).text).toContain('unknown time');
  });
});
