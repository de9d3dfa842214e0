/** What an attempt is asked to do, and how it can end. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { failureOfTransport, type AttemptFailure } from '../../domain/error-owner.js';
import type { ClusterName } from '../../domain/words.js';
import type { AnswerKeeper } from '../conversations/answer-keeper.js';
import type { Said } from '../continuation/said.js';
import type { AttemptOutcome, Member } from '../service/member.js';
import type { Splice } from '../continuation/splice.js';
import type { ExchangeOrder } from './exchange-order.js';
import { printable, SENTENCE_CHARS_MAX } from '../../domain/printable.js';
import { withoutAddress } from './address.js';
import type { StreamKind, StreamScan } from './stream-scan.js';
import type { UntimelyEnd } from './untimely-end.js';

/** What every attempt of a request sends, whichever cluster it goes to. */
export interface Forwarded {
  readonly method: string;
  /** Path and query of the API, without a cluster's prefix. */
  readonly path: string;
  readonly headers: readonly string[];
  readonly stream: boolean;
  readonly streamKind: StreamKind;
  /** Answers that the caller asked for (`n`). */
  readonly choices: number;
}

export interface AttemptOrder {
  readonly member: Member;
  readonly request: Forwarded;
  /** The body, with the model id that this cluster knows. */
  readonly body: Buffer | null;
  readonly res: ServerResponse;
  /** Where what is kept of the answer counts. */
  readonly memory: ExchangeOrder['memory'];
  /** Hears what the stream says; `null` when nobody could go on from there. */
  readonly said: Said | null;
  /** Joins this answer to one that broke off, so that the caller has its headers; `null` for the first answer. */
  readonly splice: Splice | null;
  /** Nothing of the answer goes out before; `null`: there is nothing to wait for. Never rejects. */
  readonly notBefore: Promise<void> | null;
  /** Keeps the answer of a turn for the next one; `null` when there is no such turn. */
  readonly keeper: AnswerKeeper | null;
  /** Takes out of a stream what its caller has not asked for; `null`: nothing. */
  readonly hides: Pick<AnswerKeeper, 'rewrite'> | null;
  readonly firstByteMs: number;
  readonly idleMs: number;
  /** Whether another cluster could take over; if none could, waiting longer is better than giving up. */
  readonly replaceable: () => boolean;
  /** Whether another cluster could go on from what was said by now. */
  readonly continuable: () => boolean;
  /** The caller's first byte is on its way; `stream`: it is a token. */
  readonly onSpeaking: (seen: { readonly latencyMs: number; readonly stream: boolean }) => void;
}

export interface FailedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Why an attempt failed: for its caller, and for the log, which has addresses too. */
export interface Reason {
  readonly why: string;
  readonly detail: string;
}

/** Of what a cluster says no more is kept than people read. */
export function reasonOf(said: string | Reason): Reason {
  if (typeof said !== 'string') return said;
  const detail = printable(said, SENTENCE_CHARS_MAX);
  return { why: withoutAddress(detail), detail };
}

export type AttemptEnd =
  | { readonly kind: 'answered'; readonly owner: 'none' | 'client' | 'quota' }
  | {
      readonly kind: 'failed';
      readonly failure: AttemptFailure;
      readonly reason: Reason;
      readonly answer: FailedAnswer | null;
    }
  /**
   * Broken after the caller's first byte. The caller's stream stands open at the end of a frame, unless it is `closed`.
   * `isOurs`: for something that this process lacks, or because it ends.
   */
  | {
      readonly kind: 'cut';
      readonly reason: Reason;
      readonly closed: boolean;
      readonly isOurs: boolean;
    }
  /** Our own code threw over it. `isStream`: the caller has the beginning of an event stream. */
  | { readonly kind: 'faulted'; readonly error: unknown; readonly isStream: boolean }
  /** Broken off: the caller left, the request goes elsewhere, its time is up, or this gateway's. */
  | { readonly kind: 'left'; readonly why: LeaveReason };

/** Where an attempt failed, and how. */
export interface FailedAt {
  readonly cluster: ClusterName;
  readonly end: Extract<AttemptEnd, { kind: 'failed' }>;
}

/**
 * `rehomed`: before the first byte. `handed-over`: after it, so that another cluster must go on from there. `recounted`: it
 * was asked for more than is allowed. `exhausted`: this process could not open a connection.
 */
export type LeaveReason = UntimelyEnd | 'rehomed' | 'handed-over' | 'recounted' | 'exhausted';

/** What the clean end of an answer means, which its caller has heard of; `null`: a stream that was not at its end. */
export function endOfStream(scan: StreamScan | null): AttemptEnd | null {
  if (scan === null || scan.endedWell()) return { kind: 'answered', owner: 'none' };
  if (scan.error === null) return null;
  // The cluster's own error event has reached the caller: a second one would only confuse.
  const { errorOwner: owner, error } = scan;
  return owner === 'client' || owner === 'quota'
    ? { kind: 'answered', owner }
    : { kind: 'cut', reason: reasonOf(error), closed: true, isOurs: false };
}

/** Why a connection broke, or never came about. */
export function brokenBy(error: Error): {
  readonly failure: ReturnType<typeof failureOfTransport>;
  readonly reason: Reason;
} {
  const { code } = error as NodeJS.ErrnoException;
  const why = code === undefined || code === 'BAD_ANSWER' ? error.message : code; // Node's messages hold addresses
  return { failure: failureOfTransport(code), reason: { why, detail: error.message } };
}

/** What it says of the cluster. */
export function outcomeOf(end: AttemptEnd): AttemptOutcome {
  if (end.kind === 'answered') return { kind: end.owner === 'none' ? 'ok' : end.owner };
  if (end.kind === 'failed') return { kind: 'failed', failure: end.failure, detail: end.reason.detail };
  return end.kind === 'cut' && !end.isOurs
    ? { kind: 'failed', failure: 'cut', detail: end.reason.detail }
    : { kind: 'none' };
}
