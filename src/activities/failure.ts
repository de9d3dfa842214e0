/** From our errors to Temporal's: the code becomes the failure's type, the family decides about another try. */
import { ApplicationFailure } from '@temporalio/common';
import { CodedError } from '../domain/errors.js';

const RETRYABLE = ['transient', 'uncertain'];

/** Runs one activity's work and throws nothing but `ApplicationFailure`. */
export async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw ApplicationFailure.create({
      message: error.message,
      type: error.code,
      nonRetryable: !RETRYABLE.includes(error.family),
      ...(error.retryAfterMs === undefined ? {} : { nextRetryDelay: error.retryAfterMs }),
      cause: error,
    });
  }
}
