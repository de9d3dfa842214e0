/** The door of this folder: a configuration file becomes a `Fleet`, or one error that lists everything wrong with it. */
import { readFileSync, statSync } from 'node:fs';
import type { ZodError } from 'zod';
import { CodedError } from '../domain/errors.js';
import type { Fleet } from '../domain/fleet.js';
import { assembleFleet } from './assemble.js';
import { crossCheck } from './cross-checks.js';
import { explainIssue } from './explain-issue.js';
import { annotatedSchema } from './json-schema.js';
import { outlineOf } from './outline.js';
import type { ConfigPath, Problem } from './problem.js';
import { fleetFile } from './schema.js';
import { FILE_BYTES_MAX, readYaml, type SourceError, type YamlSource } from './yaml-source.js';

/** More than this many problems are told by their number only. */
const PROBLEMS_SHOWN_MAX = 50;

/**
 * Reads the text of a configuration file.
 * @param fileName - what messages call it
 * @throws CodedError `bad-config`; its message has one line a problem: `file:line:column: what is wrong. Fix: …`
 */
export function parseFleet(text: string, fileName: string): Fleet {
  if (Buffer.byteLength(text) > FILE_BYTES_MAX) throw refusal(fileName, [TOO_LARGE]);
  const source = readYaml(text);
  if (source.errors.length > 0) throw refusal(fileName, source.errors);
  const content = source.content ?? {};
  const parsed = fleetFile.safeParse(content);
  const ofShape = parsed.success ? [] : shapeProblems(parsed.error, source);
  const problems = [...ofShape, ...crossCheck(outlineOf(content)).filter(untouchedBy(ofShape))];
  if (!parsed.success || problems.length > 0) throw refusal(fileName, located(source, problems));
  return assembleFleet(parsed.data);
}

function shapeProblems(error: ZodError, source: YamlSource): readonly Problem[] {
  const schema = annotatedSchema();
  return error.issues.flatMap((issue) => explainIssue(schema, issue, (path) => source.has(path)));
}

/** Where one path leads into the other, both problems are one mistake, and the first sentence is enough. */
function untouchedBy(problems: readonly Problem[]): (problem: Problem) => boolean {
  const ends = new Set(problems.map(({ path }) => JSON.stringify(path)));
  const ways = new Set(problems.flatMap(({ path }) => waysTo(path)));
  return ({ path }) => !ways.has(JSON.stringify(path)) && !waysTo(path).some((way) => ends.has(way));
}

/** The path and all that lead to it. */
const waysTo = (path: ConfigPath): string[] =>
  Array.from({ length: path.length + 1 }, (_, i) => JSON.stringify(path.slice(0, i)));

/**
 * Reads a configuration file from disk; see `parseFleet`.
 * @throws CodedError `bad-config`, also when the file cannot be read
 */
export function loadFleet(path: string): Fleet {
  return parseFleet(readBounded(path), path);
}

function readBounded(path: string): string {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) throw refusal(path, [TOO_LARGE]);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const why = code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code})`;
    throw new CodedError(
      'bad-config',
      `${path}: ${why}. Fix: name a configuration file that can be read, such as examples/understudy.yaml`,
      { cause: error },
    );
  }
}

const TOO_LARGE: SourceError = {
  line: 1,
  column: 1,
  wrong: `the file is larger than ${FILE_BYTES_MAX / 1_048_576} MiB`,
  fix: 'no fleet needs that much; is this the right file?',
};

type Located = Omit<SourceError, 'fix'> & Pick<Problem, 'fix'>;

function located(source: YamlSource, problems: readonly Problem[]): readonly Located[] {
  return problems.map(({ path, at, wrong, fix }) => ({ ...source.positionOf(path, at), wrong, fix }));
}

function refusal(fileName: string, errors: readonly Located[]): CodedError {
  const inOrder = [...errors].sort((a, b) => a.line - b.line || a.column - b.column);
  const shown = inOrder
    .slice(0, PROBLEMS_SHOWN_MAX)
    .map(
      ({ line, column, wrong, fix }) =>
        `${fileName}:${line}:${column}: ${wrong}. Fix: ${typeof fix === 'string' ? fix : fix()}`,
    );
  const more = inOrder.length - shown.length;
  return new CodedError('bad-config', [...shown, ...(more > 0 ? [`and ${more} more`] : [])]);
}
