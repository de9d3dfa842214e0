/** Counts the requests that this process refused before a cluster was chosen, by the code that their callers got. */
import type { ServerResponse } from 'node:http';
import { sendError, type CallerError } from '../request/openai-error.js';

/** Told from the start, with zero: of a counter that is not there nobody sees the first step. */
const EXPECTED = [
  'bad-input',
  'bad-method',
  'body-too-large',
  'body-too-slow',
  'catching-up',
  'gateway-full',
  'foreign-host',
  'foreign-origin',
  'invalid_api_key',
  'memory-full',
  'not-found',
  'of-operators',
  'rate_limit_exceeded',
  'unknown-model',
  'unknown-service',
];

export class Refusals {
  readonly #counts = new Map<string, number>(EXPECTED.map((code) => [code, 0]));

  send(res: ServerResponse, error: CallerError): void {
    this.count(error.code);
    sendError(res, error);
  }

  count(code: string): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
  }

  get byReason(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
