/** What went wrong, as the runbook needs it: by code, never by the text of a message. */
import { messageOf } from '../domain/describe-error.js';
import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import { ERRORS, isErrorCode, type ErrorCode } from '../domain/errors.js';
import { printable, SENTENCE_CHARS_MAX } from '../domain/printable.js';

/** A registered error that ends a runbook; it is caught by the runbook itself and never fails a workflow task. */
export function failure(code: ErrorCode, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, code);
}

export function codeOf(error: unknown): ErrorCode | 'cancelled' | 'timeout' | 'invariant' {
  if (isCancellation(error)) return 'cancelled';
  const root = error instanceof ActivityFailure ? error.cause : error;
  if (root instanceof TimeoutFailure) return 'timeout';
  if (root instanceof ApplicationFailure && isErrorCode(root.type)) return root.type;
  return 'invariant';
}

export function sentenceOf(error: unknown): string {
  const root = error instanceof ActivityFailure ? (error.cause ?? error) : error;
  if (root instanceof TimeoutFailure)
    return root.cause === undefined ? 'no answer in time' : printable(messageOf(root.cause), SENTENCE_CHARS_MAX);
  return printable(messageOf(root), SENTENCE_CHARS_MAX);
}

/** Tries the short way, and the ordinary one when it fails for a reason that another try can heal. */
export async function hurried<T>(short: () => Promise<T>, ordinary: () => Promise<T>): Promise<T> {
  try {
    return await short();
  } catch (error) {
    const code = codeOf(error);
    if (code === 'cancelled' || (code !== 'timeout' && code !== 'invariant' && ERRORS[code].family === 'fenced'))
      throw error;
    return await ordinary();
  }
}
