/** Exit codes and how errors are told: what happened, and the next thing to do. */
import { messageOf } from '../domain/describe-error.js';
import { CodedError, ERRORS, EXIT_BY_FAMILY, type ErrorCode } from '../domain/errors.js';
import type { MoveEndState } from '../domain/move-record.js';
import { printable, SENTENCE_CHARS_MAX } from '../domain/printable.js';

export const EXIT = {
  done: 0,
  /** A move was rolled back, held, aborted or failed; `doctor` and `config check` found something. */
  notDone: 1,
  usage: 2,
  /** Refused: nothing was touched. */
  refused: 3,
  unreachable: 4,
  /** Ctrl-C, as shells count it. */
  interrupted: 130,
} as const;

/** A command line that cannot be understood; exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  /** @param fix what to do next; by default, where the help is */
  constructor(
    message: string,
    readonly fix = '`understudy --help`, or `--help` after a verb',
  ) {
    super(printable(message, SENTENCE_CHARS_MAX));
  }
}

export interface ToldError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fix: string;
  readonly exit: number;
}

/** Any error as the CLI tells it. A foreign error is a fault of ours and says so. */
export function toldError(error: unknown): ToldError {
  if (error instanceof UsageError) {
    return {
      code: 'bad-input',
      message: error.message,
      fix: error.fix,
      exit: EXIT.usage,
    };
  }
  if (error instanceof CodedError) {
    return {
      code: error.code,
      message: error.message,
      fix: ERRORS[error.code].fix,
      exit: EXIT_BY_FAMILY[error.family],
    };
  }
  const message = printable(messageOf(error), SENTENCE_CHARS_MAX);
  return { code: 'invariant', message, fix: ERRORS.invariant.fix, exit: EXIT_BY_FAMILY.invariant };
}

export const exitOfMove = (state: MoveEndState): number => (state === 'done' ? EXIT.done : EXIT.notDone);
