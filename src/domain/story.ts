/** What people are told of a move or an alert: one root message, edited in place, and a thread that is the log. */
import type { ClusterName, ServiceName } from './words.js';

export type StoryTone = 'running' | 'question' | 'good' | 'bad' | 'warning';

export interface StoryLine {
  /** Unique in the story; a notifier never posts a key twice. */
  readonly key: string;
  readonly atMs: number;
  readonly text: string;
  /** Also show in the channel: questions, aborts and ends only. */
  readonly broadcast: boolean;
}

/** The root message: everything an on-call engineer needs on a phone. */
export interface StoryHead {
  readonly service: ServiceName;
  /** e.g. `chat: failover eu-a → us-b` */
  readonly title: string;
  /** e.g. `shifting 25 %`, `done`, `waiting for approval` */
  readonly state: string;
  readonly tone: StoryTone;
  /** The cause in one line, with evidence. */
  readonly cause: string;
  readonly from: readonly ClusterName[];
  readonly to: ClusterName | null;
  /** Share of traffic on the target, percent; `null` before the first change. */
  readonly progressPct: number | null;
  /** What a reader may do now, as CLI lines. */
  readonly next: readonly string[];
}

export interface StoryView {
  /** Id of the story's workflow: the idempotency key of the root message. */
  readonly id: string;
  readonly head: StoryHead;
  readonly lines: readonly StoryLine[];
  readonly ended: boolean;
}

/** What a notifier has delivered so far; opaque to everyone but the notifier that wrote it. Plain JSON. */
export interface Delivered {
  readonly root: string | null;
  readonly channel: string | null;
  /** Keys of the lines that are posted. */
  readonly lines: readonly string[];
  /** The head as last delivered, serialised, so that an equal one is not sent again. */
  readonly head: string | null;
}

export const NOTHING_DELIVERED: Delivered = { root: null, channel: null, lines: [], head: null };
