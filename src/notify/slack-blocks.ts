/**
 * What a story looks like in Slack: pure, and within Slack's limits whatever is put in. The state is always a word, so
 * that nothing hangs on a colour, and the fallback text is what a phone shows. Everything is `verbatim`: of what others
 * wrote Slack makes no link, no mention and no channel.
 */
import { printable } from '../domain/printable.js';
import type { StoryLine, StoryTone, StoryView } from '../domain/story.js';

/** Slack refuses a section whose text is longer. */
export const SECTION_CHARS_MAX = 3_000;
/** Our own bound for the text of a message; Slack advises 4,000. */
export const TEXT_CHARS_MAX = 3_000;
const TITLE_CHARS_MAX = 300;
const STATE_CHARS_MAX = 300;
const NEXT_LINES_MAX = 8;
const NEXT_LINE_CHARS_MAX = 200;
const CLUSTERS_MAX = 10;
const BAR_CELLS = 20;

const ICON: Readonly<Record<StoryTone, string>> = {
  running: ':arrows_counterclockwise:',
  question: ':raising_hand:',
  good: ':white_check_mark:',
  bad: ':red_circle:',
  warning: ':warning:',
};

export interface Mrkdwn {
  readonly type: 'mrkdwn';
  readonly text: string;
  readonly verbatim: true;
}

export interface SectionBlock {
  readonly type: 'section';
  readonly text: Mrkdwn;
}

export interface ContextBlock {
  readonly type: 'context';
  readonly elements: readonly Mrkdwn[];
}

export interface RenderedMessage {
  /** Fallback: notifications, screen readers, clients without blocks. Never empty. */
  readonly text: string;
  readonly blocks: readonly (SectionBlock | ContextBlock)[];
}

/** The root message of a story. Equal views render equally, byte for byte. */
export function renderRoot(view: StoryView): RenderedMessage {
  const { head } = view;
  const title = clip(head.title, TITLE_CHARS_MAX);
  const state = clip(head.state, STATE_CHARS_MAX);
  const cause = clip(head.cause, SECTION_CHARS_MAX);
  const blocks: (SectionBlock | ContextBlock)[] = [section(`${ICON[head.tone]} *${title}*\n${state}`)];
  if (cause !== '') blocks.push(section(cause));
  const route = renderRoute(view);
  if (route !== '') blocks.push(context(route));
  const next = head.next.slice(0, NEXT_LINES_MAX).map((line) => clip(line, NEXT_LINE_CHARS_MAX));
  if (next.length > 0)
    blocks.push(section(`${view.ended ? 'Afterwards' : 'You can'}:\n\`\`\`${next.join('\n')}\`\`\``));
  blocks.push(context(`\`${clip(view.id, TITLE_CHARS_MAX)}\``));
  const fallback = cause === '' ? `${title}: ${state}` : `${title}: ${state}. ${cause}`;
  return { text: cut(fallback, TEXT_CHARS_MAX), blocks };
}

/**
 * One line of the thread. It carries its own time, in the reader's time zone, because a line that waited for Slack to
 * come back would otherwise seem to have happened then.
 */
export function renderLine(line: StoryLine): RenderedMessage {
  const second = Math.floor(line.atMs / 1_000);
  const utc = clockUtc(line.atMs);
  const text = `<!date^${second}^{time_secs}|${utc}> ${clip(line.text, TEXT_CHARS_MAX - 60)}`;
  // Slack makes links of a message's text; in a block it can be told not to.
  return { text, blocks: [section(text)] };
}

/** `eu-a → us-b  ▓▓▓▓▓░░░░░  25 %`; empty when nothing moves. */
function renderRoute(view: StoryView): string {
  const { from, to, progressPct } = view.head;
  const names = from.slice(0, CLUSTERS_MAX).map((name) => clip(name, 100));
  if (from.length > CLUSTERS_MAX) names.push(`and ${from.length - CLUSTERS_MAX} more`);
  const target = to === null ? [] : [clip(to, 100)];
  const route = [names.join(', '), ...target].filter((part) => part !== '').join(' → ');
  if (progressPct === null || !Number.isFinite(progressPct)) return route;
  const pct = Math.min(100, Math.max(0, progressPct));
  const full = Math.round((pct / 100) * BAR_CELLS);
  const bar = '▓'.repeat(full) + '░'.repeat(BAR_CELLS - full);
  return [route, bar, `${Math.round(pct)} %`].filter((part) => part !== '').join('  ');
}

function section(text: string): SectionBlock {
  return { type: 'section', text: mrkdwn(cut(text, SECTION_CHARS_MAX)) };
}

function context(text: string): ContextBlock {
  return { type: 'context', elements: [mrkdwn(text)] };
}

const mrkdwn = (text: string): Mrkdwn => ({ type: 'mrkdwn', text, verbatim: true });

/**
 * One line without what Slack would read as markup (`<!channel>` in a reason would call everybody), cut by the *escaped*
 * length, so that no entity is cut in half. Slack has no escape for bold and code: look-alikes stand in their place.
 */
function clip(text: string, charsMax: number): string {
  let out = '';
  for (const char of printable(text, charsMax)) {
    const escaped = ESCAPES[char] ?? char;
    if (out.length + escaped.length > charsMax - 1) return `${out}…`;
    out += escaped;
  }
  return out;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '`': "'",
  '*': '∗',
  '~': '∼',
};

/** The last resort for a text that is already escaped; its parts are bounded, so it is rarely reached. */
function cut(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const short = text.slice(0, charsMax - 1);
  return `${short.replace(/&[a-z]{0,3}$/u, '')}…`;
}

function clockUtc(atMs: number): string {
  const time = new Date(atMs);
  return Number.isNaN(time.getTime()) ? 'unknown time' : `${time.toISOString().slice(11, 19)} UTC`;
}
