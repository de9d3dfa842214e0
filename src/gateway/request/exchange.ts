/**
 * One request of one caller, from the choice of a cluster to the last word: attempts on one cluster after the other until
 * one speaks; then that one's answer. A stream that breaks off while it speaks is continued by another cluster, where
 * that can be right, and the caller sees one stream; where it cannot, the stream ends with an error that says why.
 *
 *     attempt --failed--> attempt --cut, or handed over--> attempt with a splice --...--> answered
 *        nothing was said            something was said        the rest of it
 */
import { costsRetryBudget } from '../../domain/error-owner.js';
import type { ClusterName } from '../../domain/words.js';
import { outcomeOf, type AttemptEnd, type FailedAt } from './attempt-order.js';
import { Attempt } from './attempt.js';
import { streamCut } from './caller-words.js';
import { Ending } from './ending.js';
import { TRIAL_FIRST_BYTE_MS } from '../service/ejection.js';
import { requestFor, type RequestToAsk } from './request-for.js';
import { watchForEnd, type UntimelyEnd } from './untimely-end.js';
import { turnOfRest, turnOfWhole } from './a-few-a-turn.js';
import { countSaid } from '../continuation/count-said.js';
import { HIDES_IDS } from '../continuation/said-ids.js';
import { settleIds } from '../continuation/settle-ids.js';
import { couldContinue, successorsOf } from '../continuation/successors.js';
import { hasRoom, type Choice, type Member, type Running } from '../service/member.js';
import type { ExchangeOrder } from './exchange-order.js';
import type { Waiting } from '../service/wait-queue.js';

/** Serves one request; resolves when its outcome is known and counted. Rejects only with a throw of our own, of which its caller has been told. */
export function exchange(order: ExchangeOrder): Promise<void> {
  return new Exchange(order).run();
}

class Exchange implements Running {
  /** Among those that its present cluster is answering. */
  place = 0;
  readonly #order: ExchangeOrder;
  readonly #ending: Ending;
  /** Clusters that are not tried (again) for what comes next: all of the answer, or the rest of it. */
  #tried = new Set<ClusterName>();
  #attempt: Attempt | null = null;
  #waiting: Waiting | null = null;
  /** How many requests of the service had come when this one did. */
  #arrival = 0;
  #speaking: Member | null = null;
  /** The caller has the beginning of an event stream; only known when an attempt ended by a throw. */
  #speaksEvents = false;
  #tookBudget = false;

  constructor(order: ExchangeOrder) {
    this.#order = order;
    this.#ending = new Ending(order);
  }

  async run(): Promise<void> {
    const { service, res, running, limits } = this.#order;
    const watch = { res, running, totalMs: limits.totalTimeoutMs };
    const stopWatching = watchForEnd(watch, (why) => this.#leave(why));
    this.#arrival = ++service.callers.total;
    service.budget.requestBegan();
    try {
      await this.#answer();
      if (this.#ending.left !== null) this.#ending.early(this.#ending.left);
    } catch (error) {
      this.#ending.faulted(this.#speaksEvents);
      throw error; // logged and counted where all requests come from
    } finally {
      stopWatching();
      service.budget.requestEnded(this.#tookBudget);
    }
  }

  /**
   * One attempt after the other. Their number is bounded: by the clusters, and by the continuations. Streams spend their
   * time in here, thousands at once: nothing else should wait with them.
   */
  async #answer(): Promise<void> {
    const { service, transcript } = this.#order;
    let goesOn = true;
    while (goesOn && this.#ending.left === null) {
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
    if (this.#ending.left !== null) return null;
    const request = requestFor(this.#order, choice.member);
    if (request.kind === 'ask') return this.#ask(choice, request);
    this.#ending.without(request);
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
    if (this.#tried.size > 0) await (this.#ending.continuing ? turnOfRest() : turnOfWhole());
    const picked = this.#pick();
    if (picked === null) {
      this.#ending.giveUp();
      return null;
    }
    return hasRoom(picked.member) ? service.admission.claim(picked) : await this.#findRoom();
  }

  /** Who goes on with a begun answer should not be on trial: its caller has waited already. */
  #pick(): Choice | null {
    const { service, key } = this.#order;
    const proven = this.#ending.continuing ? service.pick(key, new Set([...this.#tried, ...service.ejected()])) : null;
    return proven ?? service.pick(key, this.#tried);
  }

  /** The chosen cluster is full: another one, or the same when there is room. `null`: none in time, or nobody asks any more. */
  async #findRoom(): Promise<Choice | null> {
    const { service, key, priority, owner } = this.#order;
    const place = { owner, priority, begun: this.#ending.continuing, arrival: this.#arrival };
    this.#waiting = service.admission.seek({ key, tried: this.#tried, ...place });
    const choice = await this.#waiting.granted;
    this.#waiting = null;
    if (this.#ending.left === null && choice === null) this.#ending.shed();
    if (this.#ending.left === null || choice === null) return choice;
    service.ended(choice, { kind: 'none' });
    return null;
  }

  #ask({ member, onTrial }: Choice, { body, path }: RequestToAsk): Promise<AttemptEnd> {
    const { service, request, account, res, memory, limits, transcript, keeper } = this.#order;
    if (!this.#ending.continuing && this.#tried.size === 1) service.callers.retried++;
    this.#tried.add(member.name);
    service.began(member);
    const { firstByteTimeoutMs } = limits;
    const splice = this.#ending.continuing ? (transcript?.spliceTo(member) ?? null) : null;
    return new Promise((resolve) => {
      const tried = account?.tries(member.name, request);
      const sent = tried?.request ?? request;
      const attempt = new Attempt(
        {
          member,
          request: path === null ? sent : { ...sent, path },
          body,
          ...{ res, memory },
          said: transcript?.listen() ?? null,
          splice,
          notBefore: this.#ending.continuing ? this.#counting(member) : null,
          keeper,
          hides: splice === null && transcript?.hidesIds === true ? HIDES_IDS : null,
          firstByteMs: onTrial ? Math.min(firstByteTimeoutMs, TRIAL_FIRST_BYTE_MS) : firstByteTimeoutMs,
          idleMs: limits.idleTimeoutMs,
          replaceable: () => service.hasOther(this.#tried),
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
      this.#ending.failure = { cluster: member.name, end };
      if (this.#mayRetry(this.#ending.failure)) return true;
      this.#ending.giveUp();
      return false;
    }
    if (end.kind === 'left') {
      if (end.why === 'handed-over') return this.#goOn(member, 'it was handed over');
      if (end.why === 'exhausted') this.#ending.giveUp('exhausted');
      if (end.why === 'recounted') this.#tried.delete(member.name);
      return end.why === 'rehomed' || end.why === 'recounted';
    }
    if (end.kind === 'answered') return this.#answered(end.owner);
    if (end.kind === 'faulted') {
      this.#speaksEvents = end.isStream;
      throw end.error;
    }
    if (!end.closed) return this.#goOn(member, end.reason.why);
    this.#ending.count('cut');
    return false;
  }

  #answered(owner: 'none' | 'client' | 'quota'): boolean {
    const { callers } = this.#order.service;
    if (!this.#ending.continuing) this.#ending.count(owner === 'none' ? 'ok' : owner);
    else if (owner === 'quota') return true;
    else if (owner === 'client') this.#ending.cut('refused-by-cluster');
    else {
      this.#ending.count('ok');
      callers.continued++;
    }
    return false;
  }

  /** Something was said, the stream stands open at the end of a frame: can another cluster go on from there? */
  #goOn(member: Member, why: string): boolean {
    const { service, transcript } = this.#order;
    this.#ending.cutWhy = `the stream from ${member.name} broke off: ${why}`;
    transcript?.broke(member);
    if (transcript === null || this.#ending.left !== null) {
      this.#ending.broken(streamCut(this.#ending.cutWhy));
      return false;
    }
    const { refusal, unfit } = successorsOf(member, service.members, transcript);
    if (refusal !== null) this.#ending.cut(refusal);
    this.#ending.failure = null;
    this.#tried = new Set([member.name, ...unfit]);
    return refusal === null;
  }

  /** Whether leaving a speaking cluster would not harm its caller. */
  #couldContinue(from: Member): boolean {
    const { service, transcript } = this.#order;
    return transcript !== null && couldContinue(from, service.members, transcript);
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
    else if (this.#order.service.hasOther(this.#tried)) void turnOfWhole().then(() => this.#leaveUnlessBegun(attempt));
  }

  #leaveUnlessBegun(attempt: Attempt): void {
    if (attempt.waiting) attempt.leave('rehomed');
    else attempt.hasten(); // it has begun meanwhile
  }

  handOver(): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    if (attempt.waiting) this.rehome();
    else if (this.#speaking !== null && this.#couldContinue(this.#speaking)) attempt.leave('handed-over');
  }

  #leave(why: UntimelyEnd): void {
    this.#ending.left ??= why;
    this.#waiting?.leave();
    this.#attempt?.leave(why);
  }
}
