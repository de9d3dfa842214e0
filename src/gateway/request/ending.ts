/** How one request ends for its caller, and as what it is counted. */
import { retryAfterS } from '../../domain/admission/priority.js';
import type { CannotContinue } from '../../domain/continuation/cannot-continue.js';
import type { ContinuedRequest } from '../../domain/continuation/continued-request.js';
import type { Outcome } from '../account/account.js';
import type { FailedAt } from './attempt-order.js';
import {
  cannotContinue,
  endFaulted,
  overloaded,
  sendFailure,
  shuttingDown,
  streamCut,
  tooLate,
} from './caller-words.js';
import type { ExchangeOrder } from './exchange-order.js';
import { errorFrame, sendError, type CallerError } from './openai-error.js';
import type { UntimelyEnd } from './untimely-end.js';

export class Ending {
  /** What ended it before its answer did. */
  left: UntimelyEnd | null = null;
  /** How an attempt failed last, before or after the caller's first byte. */
  failure: FailedAt | null = null;
  /** Why the last break happened, for the error that ends the stream when nobody can go on. */
  cutWhy = '';
  readonly #order: ExchangeOrder;

  constructor(order: ExchangeOrder) {
    this.#order = order;
  }

  /** The caller has heard a part of its answer. */
  get continuing(): boolean {
    return this.#order.transcript?.begun === true;
  }

  count(outcome: Exclude<Outcome, 'gone'>): void {
    this.#order.service.callers[outcome]++;
    this.#order.account?.concluded(outcome);
  }

  /** Every cluster is full, and so is the queue, or it took too long. */
  shed(): void {
    const { service, res, priority } = this.#order;
    if (this.continuing) {
      this.cut('no-room');
      return;
    }
    const { callers } = service;
    callers.lost++;
    this.count('shed');
    sendError(res, overloaded(service.route.definition.service, retryAfterS(priority, callers.shed)));
  }

  /** No cluster is left to try. */
  giveUp(why: FailedAt | 'exhausted' | null = this.failure): void {
    const { service, res } = this.#order;
    if (this.continuing) {
      this.cut('no-cluster');
      return;
    }
    this.count('lost');
    sendFailure(res, service.route.definition.service, why);
  }

  /** No cluster is needed or able to say the rest. */
  without(rest: Exclude<ContinuedRequest, { kind: 'ask' }>): void {
    const { res, transcript } = this.#order;
    if (rest.kind === 'refused') this.cut(rest.because);
    else {
      this.count('ok');
      res.end(transcript?.lengthEnd());
    }
  }

  /** Before its time. An attempt that was speaking has had its last word by then. */
  early(why: UntimelyEnd): void {
    const { res, limits } = this.#order;
    if (why === 'gone' || res.writableEnded) return;
    const error = why === 'closing' ? shuttingDown : tooLate(limits.totalTimeoutMs);
    if (this.continuing) this.broken(streamCut(error.message));
    else if (!res.headersSent) {
      this.count('lost');
      sendError(res, error);
    }
  }

  cut(because: CannotContinue): void {
    const { account } = this.#order;
    if (account !== null) account.notContinued = because;
    const after = this.failure;
    const tried = after === null ? '' : `; ${after.cluster} failed too (${after.end.failure})`;
    this.broken(cannotContinue(because, this.cutWhy + tried));
  }

  broken(error: CallerError): void {
    if (this.left === 'gone') return;
    this.count('cut');
    this.#order.res.end(errorFrame(error));
  }

  /** Our own code threw. `isStream`: the caller has the beginning of an event stream. */
  faulted(isStream: boolean): void {
    const { res } = this.#order;
    if (this.left === 'gone' || res.writableEnded) return;
    this.count(res.headersSent ? 'cut' : 'lost');
    endFaulted(res, isStream || this.continuing);
  }
}
