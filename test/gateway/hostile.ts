/** What a cluster, or a caller alone, could send to end a process. Shared by the tests of one process and of several. */
import { delta, frame, role } from './upstream.js';

const MIB = 1024 * 1024;
/** Deep enough for whatever walks it to leave its stack, in 16 KB. */
const DEEP = 8_000;

export const deepList = (depth = DEEP): string => '['.repeat(depth) + ']'.repeat(depth);
export const deepObject = (depth = DEEP): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

/** Values that are something else than a reader expects, each as JSON. */
export const HOSTILE_VALUES: Readonly<Record<string, string>> = {
  'an object without a text': '{"toString":0}',
  'an object without any value': '{"toString":0,"valueOf":0,"toJSON":0}',
  'a prototype': '{"__proto__":{"toString":0}}',
  'a length': '{"length":1e9}',
  'a list of lists': '[[[]]]',
  'a huge number': '1e999',
  'a number below zero': '-1e308',
  'minus zero': '-0',
  'a number as text': '"0"',
  'half a character': '"\\ud800"',
  true: 'true',
  nothing: 'null',
  'a list 8,000 deep': deepList(),
  'an object 8,000 deep': deepObject(),
};

/** Places of a frame where something is read, by the API's path. */
const PLACES: Readonly<Record<string, readonly ((value: string) => string)[]>> = {
  choices: [
    (v) => v,
    (v) => `{"choices":${v}}`,
    (v) => `{"choices":[${v}]}`,
    (v) => `{"choices":[{"index":${v}}]}`,
    (v) => `{"choices":[{"index":0,"finish_reason":${v}}]}`,
    (v) => `{"choices":[{"index":0,"delta":${v}}]}`,
    (v) => `{"choices":[{"index":0,"delta":{"content":${v}}}]}`,
    (v) => `{"choices":[{"index":0,"delta":{"constructor":${v}}}]}`,
    (v) => `{"choices":[{"index":0,"text":${v}}]}`,
    (v) => `{"choices":[{"index":0,"logprobs":${v},"delta":{"content":"x"}}]}`,
    (v) => `{"choices":[{"index":0,"token_ids":${v},"delta":{"content":"x"}}]}`,
    (v) => `{"id":${v},"created":${v},"model":${v},"choices":[{"index":0,"delta":{"content":"x"}}]}`,
    (v) => `{"prompt_token_ids":${v},"choices":[{"index":0,"delta":{"content":"x"}}]}`,
    (v) => `{"usage":${v},"choices":[]}`,
    (v) => `{"usage":{"prompt_tokens":${v},"completion_tokens":${v},"prompt_tokens_details":${v}},"choices":[]}`,
    (v) => `{"error":${v}}`,
    (v) => `{"error":{"code":${v}}}`,
    (v) => `{"error":{"message":${v},"code":${v},"type":${v}}}`,
    (v) => `{"object":${v},"type":${v}}`,
  ],
  responses: [
    (v) => `{"type":${v}}`,
    (v) => `{"type":"response.completed","response":${v}}`,
    (v) => `{"type":"response.completed","response":{"id":${v},"status":${v},"output":${v}}}`,
    (v) => `{"type":"response.completed","response":{"id":"r","status":"completed","output":[${v}]}}`,
    (v) => `{"type":"response.failed","response":${v}}`,
    (v) => `{"type":"error","code":${v},"message":${v}}`,
  ],
};

export type StreamApi = 'choices' | 'responses';

/** Streams that a cluster could send, by name: all of these bytes, then its end. */
export function hostileStreams(
  api: StreamApi,
  values = Object.keys(HOSTILE_VALUES),
): readonly (readonly [name: string, bytes: string])[] {
  const said = Object.entries(HOSTILE_VALUES).filter(([name]) => values.includes(name));
  const frames = said.flatMap(([name, value]) =>
    (PLACES[api] ?? []).map((place) => [`${place('…')} is ${name}`, `data: ${place(value)}\n\n`] as const),
  );
  return [...frames, ...LINES];
}

/** What an event stream may be made of, however long. */
const LINES: readonly (readonly [string, string])[] = [
  ['an event above 1 MiB', `data: ${JSON.stringify(delta('x'.repeat(2 * MIB)))}\n\n`],
  ['an event above 1 MiB in short lines', `${`data: ${'y'.repeat(1_000)}\n`.repeat(2_200)}\n`],
  ['2 MiB of zero bytes without an end of line', '\0'.repeat(2 * MIB)],
  ['2 MiB of zero bytes behind a token', frame(delta('x')) + '\0'.repeat(2 * MIB)],
  ['a long id', `id: ${'i'.repeat(2 * MIB)}\n\n`],
  ['a long name', `event: ${'e'.repeat(2 * MIB)}\ndata: {}\n\n`],
  ['a long comment', `: ${'c'.repeat(2 * MIB)}\n\n`],
  ['a long comment behind a token', `${frame(role)}${frame(delta('x'))}: ${'c'.repeat(2 * MIB)}\n\n`],
  ['many short comments without an end of the event', ': c\n'.repeat(600_000)],
  ['many names without an end of the event', 'event: e\n'.repeat(300_000)],
  ['empty data without end', 'data:\n'.repeat(400_000)],
  ['no line feed but carriage returns', 'data: {}\r'.repeat(1_000)],
  ['no UTF-8', `data: {"choices":[{"index":0,"delta":{"content":"\xff\xfe\xc3"}}]}\n\n`],
  ['an unknown escape', 'data: {"choices":[{"index":0,"delta":{"content":"\\x"}}]}\n\n'],
  ['a quote that never ends', `data: {"choices":[{"index":0,"delta":{"content":"${'\\"'.repeat(100_000)}\n\n`],
  ['half a frame', 'data: {"choices":[{"index":0,"de'],
];
