/**
 * What is noted of one request while it is served: who asked, for what, which clusters were tried, how it ended. Made only
 * where somebody wants to know (the access log, traces). Never holds text of a prompt or an answer, a key or a header.
 */
import type { IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { CannotContinue } from '../../domain/continuation/cannot-continue.js';
import { ownerOfStatus, type AttemptFailure, type ErrorOwner } from '../../domain/error-owner.js';
import type { ClusterName, ServiceName } from '../../domain/words.js';
import type { AttemptEnd, Forwarded, LeaveReason } from '../request/attempt-order.js';
import { AnswerSeen, type Tokens } from './answer-seen.js';
import { ownCopy, ownText } from '../own-text.js';
import { notedPath, WORDS_MAX } from './span-attributes.js';
import type { RequestTrace } from './tracing.js';
import type { WatchedResponse } from '../watched-response.js';

/** `lost`: no answer; `cut`: a begun one broke off for good; `shed`: everybody was full; `gone`: the caller left. */
export type Outcome = 'ok' | 'client' | 'quota' | 'lost' | 'cut' | 'shed' | 'gone';

export interface AttemptRecord {
  readonly cluster: ClusterName;
  readonly outcome: 'ok' | 'client' | 'quota' | 'cut' | 'fault' | AttemptFailure | LeaveReason;
  readonly ms: number;
}

/** One line of the access log. `null`: not known, or there was none. */
export interface RequestRecord {
  readonly time: string;
  readonly caller: string | null;
  readonly service: ServiceName | null;
  readonly model: string | null;
  readonly method: string;
  readonly path: string;
  readonly stream: boolean;
  readonly status: number | null;
  readonly outcome: Outcome;
  readonly owner: ErrorOwner;
  readonly clusters: readonly AttemptRecord[];
  readonly retried: boolean;
  readonly continued: boolean;
  readonly notContinued: CannotContinue | null;
  readonly firstByteMs: number | null;
  readonly ms: number;
  readonly tokens: Tokens;
  readonly bytesOut: number;
  readonly traceId: string | null;
}

const OWNERS: Readonly<Record<Outcome, ErrorOwner>> = {
  ok: 'none',
  client: 'client',
  quota: 'quota',
  lost: 'cluster',
  cut: 'cluster',
  shed: 'cluster',
  gone: 'client',
};

const OUTCOMES: Readonly<Record<ErrorOwner, Outcome>> = {
  none: 'ok',
  client: 'client',
  quota: 'quota',
  cluster: 'lost',
};

export interface AccountOptions {
  /** Wall clock, ms: when the request came. */
  readonly clockMs: number;
  /** `null`: no traces are wanted. */
  readonly trace: RequestTrace | null;
}

/** An attempt, as its account wants it. */
export interface Tried {
  /** What the cluster is sent: the request, with the attempt's trace context where there are traces. */
  readonly request: Forwarded;
  ended(end: AttemptEnd, status: number | null): void;
}

export class Account {
  /** Name of the caller's key. */
  caller: string | null = null;
  notContinued: CannotContinue | null = null;
  readonly seen: AnswerSeen;
  #service: ServiceName | null = null;
  #model: string | null = null;
  #stream = false;
  #told: Outcome | null = null;
  readonly #req: IncomingMessage;
  readonly #res: WatchedResponse;
  readonly #trace: RequestTrace | null;
  readonly #startedAt: { readonly clockMs: number; readonly ms: number };
  readonly #attempts: AttemptRecord[] = [];

  constructor(req: IncomingMessage, res: WatchedResponse, { clockMs, trace }: AccountOptions) {
    this.#req = req;
    this.#res = res;
    this.#trace = trace;
    this.seen = new AnswerSeen(res, { reasons: trace !== null });
    this.#startedAt = { clockMs, ms: performance.now() };
  }

  asked(service: ServiceName, { model, stream }: { readonly model: string | null; readonly stream: boolean }): void {
    this.#service = service;
    this.#model = model === null ? null : ownText(model, WORDS_MAX);
    this.#stream = stream;
  }

  /** An attempt begins; what is returned is told its end. */
  tries(cluster: ClusterName, request: Forwarded): Tried {
    const fromMs = performance.now();
    const traced = this.#trace?.tries(cluster, this.#service, request);
    return {
      request: traced?.request ?? request,
      ended: (end, status) => {
        const outcome = outcomeOf(end);
        this.#attempts.push({ cluster, outcome, ms: spanMs(fromMs) });
        traced?.end(outcome, status);
      },
    };
  }

  /** How the request ended, by the counts of its service. */
  concluded(outcome: Outcome): void {
    this.#told = outcome;
  }

  /** The connection is through with it, and so are we. Ends its trace. */
  close(): RequestRecord {
    const record = this.#record();
    this.#trace?.end(record, this.seen.finishReasons());
    return record;
  }

  #record(): RequestRecord {
    const outcome = this.#outcome();
    const before = this.#attempts.slice(0, -1).map((attempt) => attempt.outcome);
    const wentOn = (how: string): boolean => how === 'cut' || how === 'handed-over';
    return {
      time: new Date(this.#startedAt.clockMs).toISOString(),
      caller: this.caller,
      service: this.#service,
      model: this.#model,
      method: this.#req.method ?? '',
      path: notedPath(this.#req.url ?? ''),
      stream: this.#stream,
      status: this.#res.headersSent ? this.#res.statusCode : null,
      outcome,
      owner: OWNERS[outcome],
      clusters: this.#attempts,
      retried: before.some((how) => !wentOn(how)),
      continued: before.some(wentOn),
      notContinued: this.notContinued,
      firstByteMs: this.seen.firstByteAtMs === null ? null : rounded(this.seen.firstByteAtMs - this.#startedAt.ms),
      ms: spanMs(this.#startedAt.ms),
      tokens: this.seen.tokens(),
      bytesOut: this.seen.bytes,
      traceId: this.#trace?.traceId ?? traceIdIn(this.#req.headers['traceparent']),
    };
  }

  /** A request that came to no service is judged by its status. */
  #outcome(): Outcome {
    if (this.#told === 'cut') return 'cut';
    if (!this.#res.writableFinished) return 'gone';
    return this.#told ?? OUTCOMES[ownerOfStatus(this.#res.statusCode)];
  }
}

function outcomeOf(end: AttemptEnd): AttemptRecord['outcome'] {
  if (end.kind === 'answered') return end.owner === 'none' ? 'ok' : end.owner;
  if (end.kind === 'failed') return end.failure;
  if (end.kind === 'faulted') return 'fault';
  return end.kind === 'cut' ? 'cut' : end.why;
}

/** W3C Trace Context: version, trace, parent, flags. */
function traceIdIn(traceparent: string | string[] | undefined): string | null {
  const [, id] = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(String(traceparent)) ?? [];
  return id === undefined ? null : ownCopy(id);
}

const rounded = (ms: number): number => Math.round(ms * 10) / 10;
const spanMs = (fromMs: number): number => rounded(performance.now() - fromMs);
