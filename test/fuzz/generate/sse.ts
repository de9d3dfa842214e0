/** Streams of events: recorded from engines or made, then damaged in their order, their JSON, their lines and their bytes. */
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Random } from '../../sim/random.js';
import { damage, randomBytes } from './bytes.js';
import type { Event, Family } from './families.js';
import { damagedJson, jsonText, nasty } from './json.js';

const FIXTURES = resolve(import.meta.dirname, '../../');

/** Streams of real engines, as they came. */
const recorded: readonly string[] = ['fixtures', 'wire'].flatMap((folder) =>
  filesBelow(join(FIXTURES, folder))
    .filter((file) => file.endsWith('.sse'))
    .map((file) => readFileSync(file, 'latin1')),
);

function filesBelow(folder: string): string[] {
  try {
    const found = readdirSync(folder, { recursive: true, withFileTypes: true });
    return found
      .filter((one) => one.isFile())
      .map((one) => join(one.parentPath, one.name))
      .toSorted();
  } catch {
    return []; // not every checkout has every folder
  }
}

/** A stream of this family; `share`: how likely it is damaged at all. */
export function stream(random: Random, { events }: Family, damagedShare = 0.85): string {
  if (!random.chance(damagedShare)) return render(random, events);
  const luck = random.next();
  if (luck < 0.15 && recorded.length > 0) return damage(random, recordedPart(random));
  if (luck < 0.2) return randomBytes(random, 400);
  const text = render(random, disorder(random, events));
  return random.chance(0.3) ? damage(random, text) : text;
}

function recordedPart(random: Random): string {
  const events = random.pick(recorded).split('\n\n');
  const from = random.chance(0.5) ? 0 : random.whole(0, events.length - 1);
  return events.slice(from, from + 12).join('\n\n') + (random.chance(0.8) ? '\n\n' : '');
}

/** What no list of events has, and some server has sent. */
const STRANGE: readonly Event[] = [
  { data: { error: { message: 'no', code: 500 } } },
  { data: { error: { message: 'no', code: { toString: 0 } } } },
  { data: { error: 'no' } },
  { data: { object: 'error', code: 400, message: { toString: 0 } } },
  { event: 'error', data: { type: 'error', error: { type: 'overloaded_error', message: 'x' } } },
  { event: 'error', data: '' },
  { data: { type: { toString: 0 } } },
  { data: { type: 'response.failed', response: { error: { code: { toString: 0 } } } } },
  { data: { choices: [{ index: { toString: 0 } }] } },
  { data: { choices: [{ index: -1, delta: { content: 'x' } }, { index: 1e9, delta: 1 }, null, 7, 'x'] } },
  { data: { choices: [{ index: 0, delta: { content: null, tool_calls: [null] }, finish_reason: 'abort' }] } },
  { data: { choices: { length: 2 } } },
  { data: { choices: [{ index: 0, delta: { content: 'x' }, finish_reason: 'eos_token' }] } },
  { data: { choices: [], usage: { prompt_tokens: { valueOf: 0 }, completion_tokens: 1e308, total_tokens: -1 } } },
  { data: { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1e20, total_tokens: null } } },
  { data: { prompt_token_ids: [{ toString: 0 }, -1, 1.5], choices: [{ index: 0, token_ids: [null, {}, 'x', 1e99] }] } },
  { data: '[DONE]' },
  { data: '' },
  { data: ' [DONE] ' },
  { data: '[DONE' },
  { event: 'x'.repeat(5_000), data: {} },
];

function disorder(random: Random, events: readonly Event[]): readonly Event[] {
  const list = [...events];
  for (let left = random.whole(0, 3); left > 0; left--) {
    const at = random.whole(0, list.length);
    const what = random.whole(0, 4);
    if (what === 0) list.splice(at, 1);
    else if (what === 1) list.splice(at, 0, ...list.slice(0, random.whole(1, 2)));
    else if (what === 2) list.splice(at, 0, random.pick(STRANGE));
    else if (what === 3) list.length = at;
    else list.splice(at, 0, random.pick(STRANGE), random.pick(STRANGE));
  }
  return list;
}

const LINE_ENDS = ['\n', '\n', '\n', '\r\n', '\r', '\n\r'] as const;

function render(random: Random, events: readonly Event[]): string {
  const end = random.pick(LINE_ENDS);
  const mixes = random.chance(0.1);
  const start = random.chance(0.05) ? '\xef\xbb\xbf' : '';
  const frames = events.map((one) => frame(random, one, mixes ? random.pick(LINE_ENDS) : end));
  const missesItsEnd = random.chance(0.15);
  const whole = start + frames.join('');
  return missesItsEnd ? whole.slice(0, whole.length - random.whole(1, 3)) : whole;
}

function frame(random: Random, { event, data }: Event, end: string): string {
  const text = typeof data === 'string' ? data : dataText(random, data);
  const colon = random.pick([': ', ': ', ': ', ':', ':  ']);
  const name = event === undefined ? '' : `event${colon}${event}${end}`;
  return `${extraLine(random, end)}${name}data${colon}${text}${end}${end}`;
}

function dataText(random: Random, data: unknown): string {
  if (random.chance(0.7)) return JSON.stringify(data);
  return random.chance(0.8) ? damagedJson(random, data) : jsonText(random, data);
}

/** Comments, ids, fields that nobody knows, events of several lines: all are by the book. */
function extraLine(random: Random, end: string): string {
  if (random.chance(0.85)) return '';
  const long = random.chance(0.05) ? 1_200_000 : random.whole(0, 300);
  return random.pick([
    `: ${'c'.repeat(long)}${end}`,
    `:${end}`,
    `id: ${'i'.repeat(long)}${end}`,
    `retry: 1e9${end}`,
    `event: ${'e'.repeat(long)}${end}`,
    `data${end}`,
    `data: {${end}data: "a":1}${end}${end}`,
    `data: ${nasty(random)}${end}${end}`,
    `unknown: field${end}`,
    `${'x'.repeat(long)}${end}`,
    `${end}${end}${end}`,
  ]);
}
