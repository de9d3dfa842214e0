/**
 * One attempt of one request on one cluster, from the connection to the last byte.
 *
 *     head --JSON or text--> collect --end--> answered whole     (before the first byte: may fail and go elsewhere)
 *       |                       '--too large--> relay
 *       |--event stream--> hold --it says something--> relay --end--> answered, or cut
 *       '--anything else-------------------------------> relay
 *
 * Until `relay` the caller has seen nothing, so every failure can be tried elsewhere. From then on it can only be cut; what
 * comes after a cut is the exchange's to say. An attempt with a splice fetches the rest of an answer that was cut before.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { performance } from 'node:perf_hooks';
import { faults } from '../boundary.js';
import { ownerOfStatus, type AttemptFailure, type ErrorOwner } from '../../domain/error-owner.js';
import { brokenBy, endOfStream, reasonOf } from './attempt-order.js';
import type { AttemptEnd, AttemptOrder, LeaveReason, Reason } from './attempt-order.js';
import { GatheredBytes } from '../../engines/gathered-bytes.js';
import { unfit } from './caller-words.js';
import { FirstByteClock } from './first-byte-clock.js';
import { headersFor, kindOfAnswer } from './headers.js';
import { COLLECT_BYTES_MAX, ERROR_BYTES_MAX, HOLD_BYTES_MAX } from './held-bytes.js';
import { IdleClock } from './idle-clock.js';
import { sendError } from './openai-error.js';
import { Postponed } from './postponed.js';
import { Relay } from './relay.js';
import { rewriterOf } from './rewriter.js';
import { StreamScan } from './stream-scan.js';
import { CUT_BECAUSE } from './untimely-end.js';
import { sendWhole, wasAborted } from './whole-answer.js';
import type { AnswerHandler, Answering } from '../upstream/asking.js';
import { UnfitRequest } from '../upstream/request-head.js';

export class Attempt implements AnswerHandler {
  readonly #order: AttemptOrder;
  readonly #settle: (end: AttemptEnd) => void;
  readonly #startedAtMs = performance.now();
  #answering: Answering | null = null;
  #mode: 'head' | 'collect' | 'hold' | 'relay' | 'over' = 'head';
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #scan: StreamScan | null = null;
  #relay: Relay | null = null;
  readonly #held = new GatheredBytes();
  readonly #postponed = new Postponed();
  readonly #idle: IdleClock;
  readonly #firstByte: FirstByteClock;

  constructor(order: AttemptOrder, settle: (end: AttemptEnd) => void) {
    this.#order = order;
    this.#settle = settle;
    const { firstByteMs, idleMs, continuable } = order;
    const late = (): void => this.#fail('first-byte-timeout', `no first byte within ${firstByteMs} ms`, true);
    this.#firstByte = new FirstByteClock(order, {
      mayWait: () => this.#mode === 'head',
      late: () => this.#guard(late),
    });
    this.#idle = new IdleClock({ idleMs, continuable, onSilence: (ms) => this.#guard(() => this.#silent(ms)) });
  }

  /** Still before the caller's first byte. */
  get waiting(): boolean {
    return this.#mode !== 'relay' && this.#mode !== 'over';
  }

  /** Of the cluster's answer; `null` when none came. */
  get status(): number | null {
    return this.#status === 0 ? null : this.#status;
  }

  start(): void {
    const { member, request, body } = this.#order;
    const [headers, path] = [headersFor(request.headers, member.authorization), member.upstream.prefix + request.path];
    try {
      this.#answering = member.upstream.connections.ask({ method: request.method, path, headers, body }, this);
    } catch (error) {
      // Were it the cluster's fault, one caller could eject them all.
      if (!(error instanceof UnfitRequest)) throw error;
      sendError(this.#order.res, unfit(error.message));
      this.#end({ kind: 'answered', owner: 'client' });
    }
  }

  /** Break off. What its caller has then is for the exchange to end, or to go on with. */
  leave(why: LeaveReason): void {
    if (this.#mode === 'over' || (why === 'handed-over' && this.#scan?.allSaid === true)) return;
    this.#guard(() => {
      if (this.#mode === 'relay' && (why === 'expired' || why === 'closing'))
        this.#cut(CUT_BECAUSE[why], why === 'closing');
      else {
        if (why === 'handed-over') this.#relay?.closeFrame();
        this.#end({ kind: 'left', why });
      }
    });
    this.#answering?.stop();
  }

  onFault(error: unknown): void {
    if (this.#mode === 'over') faults.caught('request', error);
    else this.#end({ kind: 'faulted', error, isStream: this.#mode === 'relay' && this.#scan !== null });
  }

  /** Timers, and what waited for something: what comes from the cluster itself has its boundary in `Asking`. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#answering?.stop();
      this.onFault(error);
    }
  }

  /** The cluster is thought lost: if this stream has fallen silent, or does later, do not wait for the idle limit. */
  hasten(): void {
    if (this.#mode === 'relay' && this.#scan !== null) this.#idle.hasten();
  }

  onHead(status: number, headers: IncomingHttpHeaders): void {
    this.#order.member.lastSignMs = performance.now();
    this.#status = status;
    this.#headers = headers;
    const kind = kindOfAnswer(status, headers);
    if (this.#order.splice !== null && status < 400 && kind !== 'stream') {
      this.#fail('empty-answer', 'the rest came in one piece', true);
    } else if (kind === 'stream') this.#openScan(headers['content-encoding'] !== undefined);
    else if (kind === 'whole') {
      this.#mode = 'collect';
      this.#beginIdle();
    } else this.#openRelay();
  }

  /** What is compressed cannot be read along, and nothing can be spliced to it. */
  #openScan(compressed: boolean): void {
    const { request, said, splice } = this.#order;
    if (compressed && splice !== null) {
      this.#fail('empty-answer', 'its stream is compressed', true);
      return;
    }
    this.#scan = new StreamScan(request.streamKind, request.choices, said);
    if (compressed) this.#scan.stopJudging();
    this.#mode = 'hold';
  }

  onBody(chunk: Buffer): void {
    const nowMs = performance.now();
    this.#order.member.lastSignMs = nowMs;
    this.#idle.heard(nowMs);
    const relay = this.#relay;
    if (relay !== null && this.#mode === 'relay') this.#pass(relay, chunk, this.#scan?.push(chunk) ?? chunk.length);
    else if (this.#mode === 'hold' && this.#scan !== null) this.#hold(this.#scan, chunk);
    else if (this.#mode === 'collect') this.#collect(chunk);
  }

  onEnd(): void {
    if (this.#postponed.also(() => this.onEnd())) return;
    const relay = this.#relay;
    if (relay !== null && this.#mode === 'relay') this.#endRelay(relay);
    else if (this.#mode === 'collect') this.#answerWhole();
    else this.#fail('empty-answer', this.#mode === 'hold' ? 'the stream ended before it said anything' : 'no answer');
  }

  onError(error: Error): void {
    if (this.#mode === 'over' || this.#postponed.also(() => this.onError(error))) return;
    const { failure, reason } = brokenBy(error);
    if (this.#mode === 'relay') this.#cut(reason, failure === 'exhausted');
    else this.#fail(failure, reason);
  }

  #collect(chunk: Buffer): void {
    // Of an answer that the caller will not see the beginning is enough.
    const failing = this.#owner() === 'cluster' || this.#order.splice !== null;
    if (failing && this.#held.size >= ERROR_BYTES_MAX) return;
    this.#held.add(chunk);
    if (failing || (this.#held.size <= COLLECT_BYTES_MAX && this.#order.memory.take(chunk.length))) return;
    const collected = this.#held.all();
    this.#pass(this.#openRelay(), collected, collected.length);
  }

  #owner(): ErrorOwner {
    return ownerOfStatus(this.#status, this.#order.member.authorization !== null);
  }

  #answerWhole(): void {
    const { request, keeper } = this.#order;
    const owner = this.#owner();
    const body = this.#held.all();
    if (owner === 'cluster') {
      // That our own key was refused would only mislead a caller, who has another one.
      const answer = this.#status < 500 ? null : { status: this.#status, headers: this.#headers, body };
      this.#end({ kind: 'failed', failure: 'status', reason: reasonOf(`HTTP ${this.#status}`), answer });
      return;
    }
    if (this.#order.splice !== null) {
      this.#end({ kind: 'answered', owner }); // refused; how the caller's stream ends is for the exchange to say
      return;
    }
    if (request.streamKind === 'choices' && owner === 'none' && wasAborted(body)) {
      this.#fail('error-frame', 'the answer was aborted');
      return;
    }
    if (owner === 'none') this.#order.onSpeaking({ latencyMs: performance.now() - this.#startedAtMs, stream: false });
    const keeping = owner === 'none' ? (keeper?.keepWhole(body) ?? null) : null;
    if (keeping === null) this.#sendWhole(body, owner);
    else this.#whenKept(keeping, () => this.#sendWhole(body, owner));
  }

  #sendWhole(body: Buffer, owner: 'none' | 'client' | 'quota'): void {
    sendWhole(this.#order, { status: this.#status, headers: this.#headers, body });
    this.#end({ kind: 'answered', owner });
  }

  /** The caller may ask on as soon as it has the answer, and any gateway must then know of it. */
  #whenKept(keeping: Promise<void>, then: () => void): void {
    this.#idle.stop();
    this.#postponed.until(keeping, () => {
      if (this.#mode !== 'over') this.#guard(then);
    });
  }

  #hold(scan: StreamScan, chunk: Buffer): void {
    const whole = scan.push(chunk);
    this.#held.add(chunk);
    if (scan.errorOwner === 'cluster') this.#fail('error-frame', scan.error ?? 'error event', true);
    else if (scan.brokenAt !== null) this.#fail('empty-answer', scan.brokenBy, true);
    else if (scan.spoke || this.#held.size > HOLD_BYTES_MAX || !this.#order.memory.take(chunk.length))
      this.#openStream(chunk.length - whole);
  }

  /** The held beginning goes out as soon as it may; `partial` bytes at its end belong to a line that is not whole. */
  #openStream(partial: number): void {
    const { notBefore } = this.#order;
    const open = (): boolean => {
      const held = this.#held.all();
      return this.#pass(this.#openRelay(), held, held.length - partial);
    };
    if (notBefore === null) open();
    else {
      this.#firstByte.stop(); // it has come
      this.#answering?.pause();
      this.#whenKept(notBefore, () => {
        if (open()) this.#answering?.resume();
      });
    }
  }

  #openRelay(): Relay {
    const { res, member, splice } = this.#order;
    this.#mode = 'relay';
    this.#held.letGo();
    this.#beginIdle();
    this.#order.onSpeaking({ latencyMs: performance.now() - this.#startedAtMs, stream: this.#scan !== null });
    const keeper = rewriterOf(this.#order, this.#status, this.#headers);
    this.#relay = new Relay({ res, scan: this.#scan, splice, keeper });
    this.#relay.open(this.#status, this.#headers, member);
    this.#headers = {}; // they hold on to the text that they were cut from
    return this.#relay;
  }

  /** True when the next chunk may come. */
  #pass(relay: Relay, chunk: Buffer, whole: number): boolean {
    const { keeper } = this.#order;
    const keeping = keeper === null || this.#scan === null ? null : keeper.keepHeard(this.#scan);
    if (keeping === null) return this.#passNow(relay, chunk, whole);
    this.#answering?.pause();
    this.#whenKept(keeping, () => {
      if (!this.#passNow(relay, chunk, whole)) return;
      this.#idle.start();
      this.#answering?.resume();
    });
    return false;
  }

  #passNow(relay: Relay, chunk: Buffer, whole: number): boolean {
    const passed = relay.pass(chunk, whole);
    if (passed === 'caller-is-slow') this.#waitForCaller(relay);
    if (passed === 'broken') {
      this.#cut(relay.brokenBy);
      this.#answering?.stop();
    }
    return passed === 'went';
  }

  /** The caller is slower than the cluster; that is no idleness of the cluster's, so its clock stands still. */
  #waitForCaller(relay: Relay): void {
    this.#idle.stop();
    this.#answering?.pause();
    relay.whenCallerCanRead(() => {
      if (this.#mode !== 'relay') return;
      this.#idle.start();
      this.#answering?.resume();
    });
  }

  #endRelay(relay: Relay): void {
    const end = endOfStream(this.#scan);
    if (end === null) this.#cut('it ended without a finish reason of the model');
    else {
      relay.end();
      this.#end(end);
    }
  }

  #cut(why: string | Reason, isOurs = false): void {
    const { res } = this.#order;
    const reason = reasonOf(why);
    if (this.#scan === null) {
      res.destroy(); // nothing but a broken connection can tell the caller
      this.#end({ kind: 'cut', reason, closed: true, isOurs });
    } else if (this.#scan.allSaid && this.#relay?.hasLost !== true) {
      this.#relay?.complete();
      this.#end({ kind: 'answered', owner: 'none' });
    } else {
      this.#relay?.closeFrame();
      this.#end({ kind: 'cut', reason, closed: false, isOurs });
    }
  }

  #fail(how: AttemptFailure | 'exhausted', why: string | Reason, abort = false): void {
    if (how === 'exhausted') this.#end({ kind: 'left', why: how });
    else this.#end({ kind: 'failed', failure: how, reason: reasonOf(why), answer: null });
    if (abort) this.#answering?.stop();
  }

  /** The first byte is there; from now on silence counts. */
  #beginIdle(): void {
    this.#firstByte.stop();
    this.#idle.start();
  }

  #silent(limitMs: number): void {
    const why = `nothing came for ${limitMs} ms`;
    if (this.#mode === 'relay') this.#cut(why);
    else this.#fail('idle-timeout', why);
    this.#answering?.stop();
  }

  #end(end: AttemptEnd): void {
    if (this.#mode === 'over') return;
    this.#mode = 'over';
    this.#firstByte.stop();
    this.#idle.stop();
    this.#held.letGo();
    this.#settle(end);
  }
}
