/** Reads a trace from disk, line by line, and says exactly where it is wrong. */
import { readFileSync, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { z } from 'zod';
import { CodedError } from '../../domain/errors.js';
import { parseJson } from '../../domain/outside.js';
import type { TraceHeader, TraceTick } from '../../domain/simulation/trace.js';
import { headerLine, tickLine } from './trace-schema.js';

/** Three days of two clusters seen from three places, every two seconds, are about this much. */
export const TRACE_BYTES_MAX = 512 * 1_048_576;
const LINE_LENGTH_MAX = 1_048_576;

export interface Trace {
  readonly header: TraceHeader;
  /** In the order of the file; reading on throws `bad-input` where a line is wrong. */
  ticks(): Generator<TraceTick>;
}

/**
 * Opens `.jsonl` or `.jsonl.gz`; which one it is, its first bytes say.
 * @throws CodedError `bad-input` with file and line
 */
export function readTrace(path: string): Trace {
  return parseTrace(readBounded(path), path);
}

/** @throws CodedError `bad-input` with `fileName` and line */
export function parseTrace(text: string, fileName: string): Trace {
  const lines = linesOf(text, fileName);
  const first = lines.next();
  if (first.done === true) throw wrong(fileName, 1, 'the file is empty; the first line is the header');
  const header = parsed(headerLine, first.value, fileName) as TraceHeader;
  return { header, ticks: () => ticksOf(text, fileName) };
}

function* ticksOf(text: string, fileName: string): Generator<TraceTick> {
  const lines = linesOf(text, fileName);
  lines.next();
  let last = -1;
  for (const line of lines) {
    const tick = withoutNulls(parsed(tickLine, line, fileName)) as TraceTick;
    if (tick.t <= last) throw wrong(fileName, line.number, `t: ${tick.t} does not come after ${last}`);
    last = tick.t;
    yield tick;
  }
}

interface Line {
  readonly number: number;
  readonly text: string;
}

/** Empty lines count, and are skipped. */
function* linesOf(text: string, fileName: string): Generator<Line> {
  let from = 0;
  for (let number = 1; from < text.length; number += 1) {
    const end = text.indexOf('\n', from);
    const to = end === -1 ? text.length : end;
    if (to - from > LINE_LENGTH_MAX) throw wrong(fileName, number, `longer than ${LINE_LENGTH_MAX} characters`);
    const line = text.slice(from, to).trim();
    from = to + 1;
    if (line !== '') yield { number, text: line };
  }
}

function parsed<T>(schema: z.ZodType<T>, line: Line, fileName: string): T {
  const read = parseJson(line.text);
  if (read.kind === 'refused') throw wrong(fileName, line.number, read.why);
  const result = schema.safeParse(read.value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? 'the line' : issue.path.join('.');
  throw wrong(fileName, line.number, `${place}: ${issue?.message ?? 'not understood'}`);
}

/** Details of a completion that were not measured are absent, not zero. */
function withoutNulls(tick: z.infer<typeof tickLine>): unknown {
  for (const vantages of Object.values(tick.seen)) {
    for (const seen of Object.values(vantages)) {
      if (!seen.generation) continue;
      seen.generation = Object.fromEntries(
        Object.entries(seen.generation).filter(([, value]) => value !== null),
      ) as typeof seen.generation;
    }
  }
  return tick;
}

const wrong = (fileName: string, line: number, what: string): CodedError =>
  new CodedError('bad-input', `${fileName}:${line}: ${what}`);

function readBounded(path: string): string {
  let bytes: Buffer;
  try {
    if (statSync(path).size > TRACE_BYTES_MAX) throw tooLarge(path);
    bytes = readFileSync(path);
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`;
    throw new CodedError('bad-input', `${path}: ${why}`, { cause });
  }
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  try {
    return (isGzip ? gunzipSync(bytes, { maxOutputLength: TRACE_BYTES_MAX }) : bytes).toString('utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(path);
    throw new CodedError('bad-input', `${path}: it is no whole gzip file`, { cause });
  }
}

const tooLarge = (path: string): CodedError =>
  new CodedError('bad-input', `${path}: larger than ${TRACE_BYTES_MAX / 1_048_576} MiB`);
