/**
 * One request of one caller, from the choice of a cluster to the last word: attempts on one cluster after the other until
 * one speaks; then that one's answer. A stream that breaks off while it speaks is continued by another cluster, where
 * that can be right, and the caller sees one stream; where it cannot, the stream ends with an error that says why.
 *
 *     attempt --failed--> attempt --cut, or handed over--> attempt with a splice --...--> answered
 *        nothing was said            something was said        the rest of it
 */
import { retryAfterS } from '../../domain/admission/priority.js';
import type { CannotContinue } from '../../domain/continuation/cannot-continue.js';
import type { ContinuedRequest } from '../../domain/continuation/continued-request.js';
import { costsRetryBudget } from '../../domain/error-owner.js';
import type { ClusterName } from '../../domain/words.js';
import type { Outcome } from '../account/account.js';
import { outcomeOf, type AttemptEnd, type FailedAt } from './attempt-order.js';
import { Attempt } from './attempt.js';
import { cannotContinue, overloaded, sendFailure, shuttingDown, streamCut, tooLate } from './caller-words.js';
import { TRIAL_FIRST_BYTE_MS } from '../service/ejection.js';
import { errorFrame, sendError, type CallerError } from './openai-error.js';
import { requestFor, type RequestToAsk } from './request-for.js';
import { watchForEnd, type UntimelyEnd } from './untimely-end.js';
import { turnOfRest, turnOfWhole } from './a-few-a-turn.js';
import { countSaid } from '../continuation/count-said.js';
import { HIDES_IDS } from '../continuation/said-ids.js';
import { settleIds } from '../continuation/settle-ids.js';
import { successorsOf } from '../continuation/successors.js';
import { hasRoom, type Choice, type Member, type Running } from '../service/member.js';
import type { ExchangeOrder } from './exchange-order.js';
import type { Waiting } from '../service/wait-queue.js';

/** Serves one request; resolves when its outcome is known and counted. Never rejects. */
export function exchange(order: ExchangeOrder): Promise<void> {
  return new Exchange(order).run();
}

class Exchange implements Running {
  /** Among those that its present cluster is answering. */
  place = 0;
  readonly #order: ExchangeOrder;
  /** Clusters that are not tried (again) for what comes next: all of the answer, or the rest of it. */
  #tried = new Set<ClusterName>();
  #attempt: Attempt | null = null;
  #waiting: Waiting | null = null;
  /** How many requests of the service had come when this one did. */
  #arrival = 0;
  #speaking: Member | null = null;
  #left: UntimelyEnd | null = null;
  #tookBudget = false;
  /** How an attempt failed last, before or after the caller's first byte. */
  #failure: FailedAt | null = null;
  /** Why the last break happened, for the error that ends the stream when nobody can go on. */
  #cutWhy = '';

  constructor(order: ExchangeOrder) {
    this.#order = order;
  }

  async run(): Promise<void> {
    const { service, res, running, limits } = this.#order;
    const watch = { res, running, totalMs: limits.totalTimeoutMs };
    const stopWatching = watchForEnd(watch, (why) => this.#leave(why));
    this.#arrival = ++service.callers.total;
    service.budget.requestBegan();
    try {
      await this.#answer();
      if (this.#left !== null) this.#concludeLeft(this.#left);
    } finally {
      stopWatching();
      service.budget.requestEnded(this.#tookBudget);
    }
  }

  get #continuing(): boolean {
    return this.#order.transcript?.begun === true;
  }

  /**
   * One attempt after the other. Their number is bounded: by the clusters, and by the continuations. Streams spend their
   * time in here, thousands at once: nothing else should wait with them.
   */
  async #answer(): Promise<void> {
    const { service, transcript } = this.#order;
    let goesOn = true;
    while (goesOn && this.#left === null) {
      const choice = await this.#findPlace();
      if (choice === null) return;
      let end: AttemptEnd | null = null;
      try {
        if (transcript?.begun === true) await settleIds(transcript, choice.member);
        end = await this.#askOn(choice);
      } finally {
        // Whatever was thrown in between: a place that is not given back is lost until a restart.
        this.#vacate(choice.member);
        service.ended(choice, end === null ? { kind: 'none' } : outcomeOf(end));
      }
      goesOn = end !== null && this.#judge(choice.member, end);
    }
  }

  /** On a place that was claimed; `null`: there was nothing to ask, or nobody asks any more. */
  #askOn(choice: Choice): Promise<AttemptEnd> | null {
    if (this.#left !== null) return null;
    const request = requestFor(this.#order, choice.member);
    if (request.kind === 'ask') return this.#ask(choice, request);
    this.#endWithout(request);
    return null;
  }

  /** Nothing of this request is on the cluster any more. */
  #vacate(member: Member): void {
    const attempt = this.#attempt;
    this.#attempt = null;
    member.running.remove(this);
    attempt?.leave('gone'); // it has ended, unless something threw
  }

  /** A place on a cluster that is ready to be asked; `null`: there is none, which its caller was told, or nobody asks any more. */
  async #findPlace(): Promise<Choice | null> {
    const { service } = this.#order;
    if (this.#tried.size > 0) await (this.#continuing ? turnOfRest() : turnOfWhole());
    const picked = this.#pick();
    if (picked === null) {
      this.#giveUp();
      return null;
    }
    return hasRoom(picked.member) ? service.admission.claim(picked) : await this.#findRoom();
  }

  /** Who goes on with a begun answer should not be on trial: its caller has waited already. */
  #pick(): Choice | null {
    const { service, key } = this.#order;
    const proven = this.#continuing ? service.pick(key, new Set([...this.#tried, ...service.ejected()])) : null;
    return proven ?? service.pick(key, this.#tried);
  }

  /** The chosen cluster is full: another one, or the same when there is room. `null`: none in time, or nobody asks any more. */
  async #findRoom(): Promise<Choice | null> {
    const { service, key, priority } = this.#order;
    const place = { priority, begun: this.#continuing, arrival: this.#arrival };
    this.#waiting = service.admission.seek({ key, tried: this.#tried, ...place });
    const choice = await this.#waiting.granted;
    this.#waiting = null;
    if (this.#left === null && choice === null) this.#shed();
    if (this.#left === null || choice === null) return choice;
    service.ended(choice, { kind: 'none' });
    return null;
  }

  #shed(): void {
    const { service, res, priority } = this.#order;
    if (this.#continuing) {
      this.#endCut('no-room');
      return;
    }
    const { callers } = service;
    callers.lost++;
    this.#count('shed');
    sendError(res, overloaded(service.route.definition.service, retryAfterS(priority, callers.shed)));
  }

  #ask({ member, onTrial }: Choice, { body, path }: RequestToAsk): Promise<AttemptEnd> {
    const { service, request, account, res, limits, transcript, keeper } = this.#order;
    if (!this.#continuing && this.#tried.size === 1) service.callers.retried++;
    this.#tried.add(member.name);
    service.began(member);
    const { firstByteTimeoutMs } = limits;
    const splice = this.#continuing ? (transcript?.spliceTo(member) ?? null) : null;
    return new Promise((resolve) => {
      const tried = account?.tries(member.name, request);
      const sent = tried?.request ?? request;
      const attempt = new Attempt(
        {
          member,
          request: path === null ? sent : { ...sent, path },
          body,
          res,
          said: transcript?.listen() ?? null,
          splice,
          notBefore: this.#continuing ? this.#counting(member) : null,
          keeper,
          hides: splice === null && transcript?.hidesIds === true ? HIDES_IDS : null,
          firstByteMs: onTrial ? Math.min(firstByteTimeoutMs, TRIAL_FIRST_BYTE_MS) : firstByteTimeoutMs,
          idleMs: limits.idleTimeoutMs,
          replaceable: service.hasOther(this.#tried),
          continuable: () => this.#couldContinue(member),
          onSpeaking: (seen) => service.spoke(member, { ...seen, onTrial }),
        },
        (end) => {
          resolve(end);
          this.#vacate(member); // at once: whoever looks before this goes on must not find it here
          tried?.ended(end, attempt.status);
        },
      );
      this.#attempt = attempt;
      this.#speaking = member;
      member.running.add(this);
      attempt.start();
    });
  }

  /** It was asked for as much as the frames leave room for. Where it counts more than those, it is asked anew. */
  #counting(member: Member): Promise<void> | null {
    const { transcript } = this.#order;
    const counting = transcript === null ? null : countSaid(transcript, member);
    if (counting === null) return null;
    return counting.then((isMore) => {
      if (isMore && this.#attempt?.waiting === true) this.#attempt.leave('recounted');
    });
  }

  #judge(member: Member, end: AttemptEnd): boolean {
    if (end.kind === 'failed') {
      this.#failure = { cluster: member.name, end };
      if (this.#mayRetry(this.#failure)) return true;
      this.#giveUp();
      return false;
    }
    if (end.kind === 'left') {
      if (end.why === 'handed-over') return this.#goOn(member, 'it was handed over');
      if (end.why === 'recounted') this.#tried.delete(member.name);
      return end.why === 'rehomed' || end.why === 'recounted';
    }
    if (end.kind === 'answered') return this.#answered(end.owner);
    if (!end.closed) return this.#goOn(member, end.why);
    this.#count('cut');
    return false;
  }

  #answered(owner: 'none' | 'client' | 'quota'): boolean {
    const { callers } = this.#order.service;
    if (!this.#continuing) this.#count(owner === 'none' ? 'ok' : owner);
    else if (owner === 'quota') return true;
    else if (owner === 'client') this.#endCut('refused-by-cluster');
    else {
      this.#count('ok');
      callers.continued++;
    }
    return false;
  }

  /** Something was said, the stream stands open at the end of a frame: can another cluster go on from there? */
  #goOn(member: Member, why: string): boolean {
    const { service, transcript } = this.#order;
    this.#cutWhy = `the stream from ${member.name} broke off: ${why}`;
    transcript?.broke(member);
    if (transcript === null || this.#left !== null) {
      this.#endBroken(streamCut(this.#cutWhy));
      return false;
    }
    const { refusal, unfit } = successorsOf(member, service.members, transcript);
    if (refusal !== null) this.#endCut(refusal);
    this.#failure = null;
    this.#tried = new Set([member.name, ...unfit]);
    return refusal === null;
  }

  /** Whether leaving a speaking cluster would not harm its caller. */
  #couldContinue(from: Member): boolean {
    const { service, transcript } = this.#order;
    if (transcript === null) return false;
    const well = service.members.filter((m) => !m.ejection.out);
    return successorsOf(from, well, transcript).refusal === null;
  }

  /** Work that a cluster lost, or that left an ejected one, is not doubled by another try, so it costs nothing. */
  #mayRetry({ cluster, end }: FailedAt): boolean {
    const { service } = this.#order;
    if (this.#tookBudget || !costsRetryBudget(end.failure) || service.isOut(cluster)) return true;
    this.#tookBudget = service.budget.tryTake();
    return this.#tookBudget;
  }

  rehome(): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    if (!attempt.waiting) attempt.hasten();
    else if (this.#order.service.hasOther(this.#tried)) void turnOfWhole().then(() => attempt.rehome());
  }

  handOver(): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    if (attempt.waiting) this.rehome();
    else if (this.#speaking !== null && this.#couldContinue(this.#speaking)) attempt.leave('handed-over');
  }

  #leave(why: UntimelyEnd): void {
    this.#left ??= why;
    this.#waiting?.leave();
    this.#attempt?.leave(why);
  }

  /** An attempt that was speaking has had its last word by `#goOn`. */
  #concludeLeft(why: UntimelyEnd): void {
    const { res, limits } = this.#order;
    if (why === 'gone' || res.writableEnded) return;
    const error = why === 'closing' ? shuttingDown : tooLate(limits.totalTimeoutMs);
    if (this.#continuing) this.#endBroken(streamCut(error.message));
    else if (!res.headersSent) {
      this.#count('lost');
      sendError(res, error);
    }
  }

  #giveUp(): void {
    const { service, res } = this.#order;
    if (this.#continuing) {
      this.#endCut('no-cluster');
      return;
    }
    this.#count('lost');
    sendFailure(res, service.route.definition.service, this.#failure);
  }

  /** No cluster is needed or able to say the rest. */
  #endWithout(rest: Exclude<ContinuedRequest, { kind: 'ask' }>): void {
    const { res, transcript } = this.#order;
    if (rest.kind === 'refused') this.#endCut(rest.because);
    else {
      this.#count('ok');
      res.end(transcript?.lengthEnd());
    }
  }

  #count(outcome: Exclude<Outcome, 'gone'>): void {
    this.#order.service.callers[outcome]++;
    this.#order.account?.concluded(outcome);
  }

  #endCut(because: CannotContinue): void {
    const { account } = this.#order;
    if (account !== null) account.notContinued = because;
    const after = this.#failure;
    const tried = after === null ? '' : `; ${after.cluster} failed too (${after.end.failure})`;
    this.#endBroken(cannotContinue(because, this.#cutWhy + tried));
  }

  #endBroken(error: CallerError): void {
    if (this.#left === 'gone') return;
    this.#count('cut');
    this.#order.res.end(errorFrame(error));
  }
}
