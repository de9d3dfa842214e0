/**
 * How a story grows: lines are merged by key, the newest head wins, an end stays an end. The bounds keep a story far
 * below Temporal's 2 MB a payload, whoever tells it and however long it runs.
 */
import { isFields } from './outside.js';
import { printable, printableAll } from './printable.js';
import type { Delivered, StoryHead, StoryLine, StoryTone, StoryView } from './story.js';

/** A story of more lines than this has gone wrong; the rest is in `understudy history`. */
export const STORY_LINES_MAX = 500;
/** Characters of one line; longer ones are cut. 500 of them stay below 0.5 MB. */
export const STORY_LINE_CHARS_MAX = 1_000;

const OVERFLOW_KEY = 'overflow';
const KEY_CHARS_MAX = 200;
/** The latest time that ECMAScript's `Date` knows, ms. */
const TIME_MAX_MS = 8.64e15;
const TONES: Readonly<Record<StoryTone, true>> = {
  running: true,
  question: true,
  good: true,
  bad: true,
  warning: true,
};

export interface StoryNews {
  readonly head: StoryHead;
  readonly lines: readonly StoryLine[];
  readonly ended: boolean;
}

/**
 * The story after some news. A known key is not taken twice; after the end only lines are still taken, because a late
 * message must not turn `done` back into `shifting 25 %`. @replayed
 */
export function mergeStory(view: StoryView, news: StoryNews): StoryView {
  const known = new Set(view.lines.map((line) => line.key));
  const lines = [...view.lines];
  for (const line of news.lines) {
    if (known.has(line.key)) continue;
    known.add(line.key);
    lines.push({ ...line, text: printable(line.text, STORY_LINE_CHARS_MAX) });
  }
  return {
    id: view.id,
    head: view.ended ? view.head : printableHead(news.head),
    lines: boundLines(lines),
    ended: view.ended || news.ended,
  };
}

/** The same story with only the lines that somebody has not heard yet: what is sent stays small. @replayed */
export function unheard(view: StoryView, delivered: Delivered): StoryView {
  const heard = new Set(delivered.lines);
  return { ...view, lines: view.lines.filter((line) => !heard.has(line.key)) };
}

/** Why this cannot be merged into a story, or `null`: signals can be sent by hand, with anything in them. @replayed */
export function faultOfNews(value: unknown): string | null {
  if (!isFields(value)) return 'expected an object with head, lines and ended';
  if (typeof value['ended'] !== 'boolean') return 'ended: expected true or false';
  const lines: unknown = value['lines'];
  if (!Array.isArray(lines) || !lines.every(isLine)) return 'lines: expected a list of {key, atMs, text, broadcast}';
  return faultOfHead(value['head']);
}

function faultOfHead(head: unknown): string | null {
  if (!isFields(head)) return 'head: expected an object';
  for (const field of ['service', 'title', 'state', 'tone', 'cause']) {
    if (typeof head[field] !== 'string') return `head.${field}: expected a text`;
  }
  if (typeof head['tone'] !== 'string' || !Object.hasOwn(TONES, head['tone']))
    return `head.tone: expected one of ${Object.keys(TONES).join(', ')}`;
  if (!isTextList(head['from'])) return 'head.from: expected a list of cluster names';
  if (!isTextList(head['next'])) return 'head.next: expected a list of texts';
  if (head['to'] !== null && typeof head['to'] !== 'string') return 'head.to: expected a cluster name or null';
  if (head['progressPct'] !== null && typeof head['progressPct'] !== 'number') {
    return 'head.progressPct: expected a number or null';
  }
  return null;
}

function boundLines(lines: readonly StoryLine[]): readonly StoryLine[] {
  if (lines.length <= STORY_LINES_MAX) return lines;
  const kept = lines.slice(0, STORY_LINES_MAX - 1);
  const last = kept.at(-1);
  const overflow: StoryLine = {
    key: OVERFLOW_KEY,
    atMs: last === undefined ? 0 : last.atMs,
    text: 'This story is too long to be told here; `understudy history` has the rest.',
    broadcast: false,
  };
  return [...kept, overflow];
}

/** A list of a head: clusters that are left, commands to type. */
const LIST_MAX = 100;

function printableHead(head: StoryHead): StoryHead {
  const bounded = { ...head, from: head.from.slice(0, LIST_MAX), next: head.next.slice(0, LIST_MAX) };
  return printableAll(bounded, STORY_LINE_CHARS_MAX);
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

function isLine(value: unknown): boolean {
  return (
    isFields(value) &&
    typeof value['key'] === 'string' &&
    value['key'].length <= KEY_CHARS_MAX &&
    typeof value['atMs'] === 'number' &&
    Math.abs(value['atMs']) <= TIME_MAX_MS &&
    typeof value['text'] === 'string' &&
    typeof value['broadcast'] === 'boolean'
  );
}
