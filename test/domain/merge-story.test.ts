import { describe, expect, test } from 'vitest';
import {
  faultOfNews,
  mergeStory,
  STORY_LINE_CHARS_MAX,
  STORY_LINES_MAX,
  unheard,
} from '../../src/domain/merge-story.js';
import { NOTHING_DELIVERED, type StoryLine } from '../../src/domain/story.js';
import { sampleHead, sampleLine, sampleView } from '../kit/story-samples.js';

const keysOf = (lines: readonly StoryLine[]): string[] => lines.map((line) => line.key);
const news = (change: Record<string, unknown> = {}) => ({
  head: sampleHead(),
  lines: [sampleLine('3')],
  ended: false,
  ...change,
});

describe('a story', () => {
  test('takes new lines in their order, and a known key once', () => {
    const lines = [sampleLine('2', { text: 'again' }), sampleLine('3'), sampleLine('3'), sampleLine('4')];
    const merged = mergeStory(sampleView(), news({ lines }));
    expect(keysOf(merged.lines)).toEqual(['1', '2', '3', '4']);
    expect(merged.lines[1]?.text).toBe('line 2');
  });

  test('shows the newest head', () => {
    expect(mergeStory(sampleView(), news({ head: sampleHead({ state: 'later' }) })).head.state).toBe('later');
  });

  test('that has ended keeps its head and its end, but takes late lines', () => {
    const ended = mergeStory(sampleView(), news({ head: sampleHead({ state: 'done' }), ended: true }));
    const after = mergeStory(ended, news({ head: sampleHead({ state: 'shifting' }), lines: [sampleLine('9')] }));
    expect(after).toMatchObject({ ended: true, head: { state: 'done' } });
    expect(keysOf(after.lines)).toEqual(['1', '2', '3', '9']);
  });

  test('is not changed by hearing the same twice', () => {
    const once = mergeStory(sampleView(), news());
    expect(mergeStory(once, news())).toEqual(once);
  });

  test.each([
    [STORY_LINES_MAX, STORY_LINES_MAX, `${STORY_LINES_MAX - 1}`],
    [STORY_LINES_MAX + 1, STORY_LINES_MAX, 'overflow'],
    [STORY_LINES_MAX * 3, STORY_LINES_MAX, 'overflow'],
  ])('of %i lines keeps %i, the last being %s', (count, kept, last) => {
    const lines = Array.from({ length: count }, (_unused, index) => sampleLine(String(index)));
    const merged = mergeStory(sampleView({ lines: [] }), news({ lines }));
    expect(merged.lines).toHaveLength(kept);
    expect(merged.lines.at(-1)?.key).toBe(last);
    expect(mergeStory(merged, news({ lines }))).toEqual(merged);
  });

  test('cuts a line that is too long', () => {
    const lines = [sampleLine('3', { text: 'x'.repeat(STORY_LINE_CHARS_MAX + 1) })];
    expect(mergeStory(sampleView(), news({ lines })).lines.at(-1)?.text).toHaveLength(STORY_LINE_CHARS_MAX);
  });

  test('is told without what was heard already', () => {
    expect(keysOf(unheard(sampleView(), { ...NOTHING_DELIVERED, lines: ['1'] }).lines)).toEqual(['2']);
  });
});

describe('news sent by hand', () => {
  test('is taken when its shape is right', () => {
    expect(faultOfNews(news())).toBeNull();
  });

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'expected an object'],
    ['a list', [], 'expected an object'],
    ['no end', { ...news(), ended: 'no' }, 'ended'],
    ['no lines', { ...news(), lines: {} }, 'lines'],
    ['a line without a text', { ...news(), lines: [{ key: '1', atMs: 1, broadcast: false }] }, 'lines'],
    ['a time that no calendar has', { ...news(), lines: [sampleLine('1', { atMs: 1e20 })] }, 'lines'],
    ['a time that is no number', { ...news(), lines: [sampleLine('1', { atMs: Number.NaN })] }, 'lines'],
    ['an endless key', { ...news(), lines: [sampleLine('k'.repeat(201))] }, 'lines'],
    ['no head', { ...news(), head: null }, 'head:'],
    ['a head without a title', { ...news(), head: { ...sampleHead(), title: 7 } }, 'head.title'],
    ['an unknown tone', { ...news(), head: { ...sampleHead(), tone: 'toString' } }, 'head.tone'],
    ['sources that are no list', { ...news(), head: { ...sampleHead(), from: 'eu-a' } }, 'head.from'],
    ['no target at all', { ...news(), head: { ...sampleHead(), to: undefined } }, 'head.to'],
    ['a share in words', { ...news(), head: { ...sampleHead(), progressPct: '25 %' } }, 'head.progressPct'],
    ['commands that are no texts', { ...news(), head: { ...sampleHead(), next: [1] } }, 'head.next'],
  ])('is refused with the place named: %s', (_name, wrong, place) => {
    expect(faultOfNews(wrong)).toContain(place);
  });
});
