/**
 * What was thrown, for a log: what it is, where it was thrown, and its causes. Messages of a parser repeat what was parsed,
 * which may be a prompt, so of those only the kind is told.
 */
import { isFields } from './outside.js';

export interface ErrorDescription {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  /** Places in the code, the innermost first. */
  readonly stack: readonly string[];
  readonly cause?: ErrorDescription;
}

const WORDS_MAX = 300;
const FRAMES_MAX = 12;
const CAUSES_MAX = 3;
/** These quote the value that they complain about. */
const QUOTES_ITS_INPUT: ReadonlySet<string> = new Set(['SyntaxError', 'URIError', 'AssertionError']);
const QUOTING_CODE = /^ERR_(?:INVALID_|ASSERTION)/;

/** Never throws, whatever was thrown. */
export function describeError(error: unknown, causes = CAUSES_MAX): ErrorDescription {
  if (!(error instanceof Error)) {
    const message = typeof error === 'string' ? error.slice(0, WORDS_MAX) : `${typeof error} was thrown`;
    return { name: 'no Error', message, stack: [] };
  }
  const { name, message, stack, cause } = error;
  const code: unknown = isFields(error) ? error['code'] : undefined;
  const coded = typeof code === 'string' ? code : '';
  const quotes = QUOTES_ITS_INPUT.has(name) || QUOTING_CODE.test(coded);
  return {
    name,
    message: quotes ? 'its message may repeat what was sent' : message.slice(0, WORDS_MAX),
    ...(coded === '' ? {} : { code: coded }),
    stack: framesOf(stack, message),
    ...(cause === undefined || causes === 0 ? {} : { cause: describeError(cause, causes - 1) }),
  };
}

/** The message of what was thrown, for people; never throws. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : `${typeof error} was thrown`;
}

/** Behind the message, whose own lines could look like these. */
function framesOf(stack = '', message = ''): readonly string[] {
  const from = Math.max(0, stack.indexOf(message)) + message.length;
  const lines = stack.slice(from, from + STACK_CHARS_MAX).split('\n');
  return lines
    .filter((line) => FRAME.test(line))
    .slice(0, FRAMES_MAX)
    .map((line) => line.trim().slice(0, WORDS_MAX));
}

const STACK_CHARS_MAX = 64 * 1024;
const FRAME = /^ {4}at /;
