/**
 * One request of one caller, from the choice of a cluster to the last word: attempts on one cluster after the other,
 * none twice, until one speaks; then that one's answer, whole or cut. What comes after a cut (going on elsewhere) will
 * have its place in `#judge`, where an attempt's end is turned into the next deed.
 */
import type { ServerResponse } from 'node:http';
import { costsRetryBudget } from '../domain/error-owner.js';
import type { GatewaySettings } from '../domain/fleet.js';
import type { ClusterName } from '../domain/words.js';
import type { AttemptEnd, FailedAnswer, Forwarded, LeaveReason } from './attempt-order.js';
import { Attempt } from './attempt.js';
import { TRIAL_FIRST_BYTE_MS } from './ejection.js';
import { sendError, type CallerError } from './openai-error.js';
import type { AttemptOutcome, Choice, Service } from './service.js';

export interface ExchangeOrder {
  readonly service: Service;
  readonly request: Forwarded;
  /** The request's body as a cluster wants it, which may know the model by another name. */
  readonly bodyFor: (model: string) => Buffer | null;
  /** What keeps a conversation on its cluster; `null` when there is nothing. */
  readonly key: string | null;
  readonly res: ServerResponse;
  readonly limits: Pick<GatewaySettings, 'firstByteTimeoutMs' | 'idleTimeoutMs' | 'totalTimeoutMs'>;
}

/** Seconds that a caller is asked to wait when nobody can serve: half-open returns begin after one. */
const RETRY_AFTER_S = 1;

type Failed = Extract<AttemptEnd, { kind: 'failed' }>;

interface LastFailure {
  readonly cluster: ClusterName;
  readonly end: Failed;
}

/** Serves one request; resolves when its outcome is known and counted. Never rejects. */
export async function exchange(order: ExchangeOrder): Promise<void> {
  await new Exchange(order).run();
}

class Exchange {
  readonly #order: ExchangeOrder;
  readonly #tried = new Set<ClusterName>();
  #attempt: Attempt | null = null;
  #left: LeaveReason | null = null;
  #tookBudget = false;
  #failure: LastFailure | null = null;

  constructor(order: ExchangeOrder) {
    this.#order = order;
  }

  async run(): Promise<void> {
    const { service, res, limits } = this.#order;
    const total = setTimeout(() => this.#leave('expired'), limits.totalTimeoutMs);
    const gone = (): void => this.#leave('gone');
    res.once('close', gone);
    service.callers.total++;
    service.budget.requestBegan();
    try {
      let more = true;
      while (more && this.#left === null) more = await this.#next();
      if (this.#left !== null) this.#concludeLeft(this.#left);
    } finally {
      clearTimeout(total);
      res.off('close', gone);
      service.budget.requestEnded(this.#tookBudget);
    }
  }

  /** One attempt; true when another should follow. Each takes a cluster not tried yet, so their number is bounded. */
  async #next(): Promise<boolean> {
    const { service, key } = this.#order;
    const choice = service.pick(key, this.#tried);
    if (choice === null) {
      this.#giveUp();
      return false;
    }
    if (this.#tried.size === 1) service.callers.retried++;
    this.#tried.add(choice.member.name);
    service.began(choice.member);
    const end = await this.#try(choice);
    service.ended(choice, outcomeOf(end));
    return this.#judge(choice.member.name, end);
  }

  #try(choice: Choice): Promise<AttemptEnd> {
    const { service, request, res, limits, bodyFor } = this.#order;
    const { member, onTrial } = choice;
    const { firstByteTimeoutMs } = limits;
    return new Promise((resolve) => {
      const waiting = { rehome: (): void => this.#rehome() };
      const attempt = new Attempt(
        {
          member,
          request,
          body: bodyFor(member.model),
          res,
          firstByteMs: onTrial ? Math.min(firstByteTimeoutMs, TRIAL_FIRST_BYTE_MS) : firstByteTimeoutMs,
          idleMs: limits.idleTimeoutMs,
          replaceable: service.hasOther(this.#tried),
          onSpeaking: (seen) => {
            member.waiting.delete(waiting);
            service.spoke(member, { ...seen, onTrial });
          },
        },
        (end) => {
          member.waiting.delete(waiting);
          this.#attempt = null;
          resolve(end);
        },
      );
      this.#attempt = attempt;
      member.waiting.add(waiting);
      attempt.start();
    });
  }

  #judge(cluster: ClusterName, end: AttemptEnd): boolean {
    const { service } = this.#order;
    if (end.kind === 'left') return end.why === 'rehomed';
    if (end.kind === 'failed') {
      this.#failure = { cluster, end };
      if (this.#mayRetry(cluster, end)) return true;
      this.#giveUp();
    } else if (end.kind === 'cut') service.callers.cut++;
    else service.callers[end.owner === 'none' ? 'ok' : end.owner]++;
    return false;
  }

  /** Work that a cluster lost, or that left an ejected one, is not doubled by another try, so it costs nothing. */
  #mayRetry(cluster: ClusterName, end: Failed): boolean {
    const { service } = this.#order;
    if (this.#tookBudget || !costsRetryBudget(end.failure) || service.isOut(cluster)) return true;
    this.#tookBudget = service.budget.tryTake();
    return this.#tookBudget;
  }

  #rehome(): void {
    const attempt = this.#attempt;
    if (attempt?.waiting === true && this.#order.service.hasOther(this.#tried)) attempt.leave('rehomed');
  }

  #leave(why: LeaveReason): void {
    this.#left ??= why;
    this.#attempt?.leave(why);
  }

  /** Only when the caller has seen nothing; an attempt that was speaking has said its last word itself. */
  #concludeLeft(why: LeaveReason): void {
    const { res, service, limits } = this.#order;
    if (why !== 'expired' || res.headersSent) return;
    service.callers.lost++;
    const message = `no answer within ${limits.totalTimeoutMs} ms`;
    sendError(res, { status: 504, type: 'upstream_error', code: 'timeout', message });
  }

  #giveUp(): void {
    const { service, res } = this.#order;
    service.callers.lost++;
    const answer = this.#failure?.end.answer ?? null;
    if (answer !== null && isOpenAiError(answer.body)) sendAnswer(res, answer);
    else sendError(res, this.#failure === null ? nobody(service.route.definition.service) : failed(this.#failure));
  }
}

function outcomeOf(end: AttemptEnd): AttemptOutcome {
  if (end.kind === 'answered') return { kind: end.owner === 'none' ? 'ok' : end.owner };
  if (end.kind === 'failed') return { kind: 'failed', failure: end.failure };
  return { kind: end.kind === 'cut' ? 'cut' : 'none' };
}

const nobody = (service: string): CallerError => ({
  status: 503,
  type: 'unavailable',
  code: 'no-cluster',
  message: `no cluster of ${service} takes requests now`,
  retryAfterS: RETRY_AFTER_S,
});

function failed({ cluster, end }: LastFailure): CallerError {
  const timedOut = end.failure.endsWith('-timeout');
  const status = end.answer?.status ?? (timedOut ? 504 : 502);
  const message = `${cluster} failed (${end.failure}: ${end.why}) and no other cluster could take over`;
  return {
    status,
    type: 'upstream_error',
    code: timedOut ? 'timeout' : 'cluster-failed',
    message,
    retryAfterS: RETRY_AFTER_S,
  };
}

/** A cluster's own error is passed on when callers can read it; an HTML page of some proxy is not. */
function isOpenAiError(body: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && typeof (value as { error?: unknown }).error === 'object';
  } catch {
    return false;
  }
}

function sendAnswer(res: ServerResponse, answer: FailedAnswer): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': answer.body.length,
    'retry-after': answer.headers['retry-after'] ?? String(RETRY_AFTER_S),
  });
  res.end(answer.body);
}
