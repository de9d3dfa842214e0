/**
 * What one vantage sees of one cluster, tick by tick. The shapes are those of a recorded trace (docs/traces.md), so that
 * a real incident can be fed through the same reducers that decide in production.
 */
import type { Diagnosis, Vantage } from '../words.js';
import type { CompletionCost } from './probe-budget.js';

/** What an engine says by a status that usually says something else. */
export type HttpMeaning = 'loading' | 'failing';

export interface HttpSeen {
  /** HTTP status, or absent when there was no answer. */
  readonly status?: number;
  /** `refused`, `timeout`, `reset`, `dns`, `tls`, `protocol`, or any other word of the transport. */
  readonly error?: string;
  readonly ms: number;
  /** Beginning of the body where it matters, e.g. `Loading model`. */
  readonly body?: string;
  /** What the status means in the engine's own dialect; absent where it means what it usually does. */
  readonly says?: HttpMeaning;
  /** True for the extra try on a fresh connection, 0.5 s after a first failure. */
  readonly fresh?: boolean;
}

export interface MetricsSeen {
  /** Seconds since the page was made, as far as known; 0 for a page just fetched. */
  readonly age: number;
  readonly running: number | null;
  readonly waiting: number | null;
  /** Engine steps: grows with every step of the engine. */
  readonly steps: number | null;
  /** Generated tokens. */
  readonly tokens: number | null;
  /** Share of the KV cache in use, 0-1. */
  readonly kv: number | null;
  readonly preemptions: number | null;
}

export interface GenerationSeen {
  readonly ok: boolean;
  /** ms to the first token, and from there to the second. */
  readonly ttft?: number;
  readonly gap?: number;
  /** Whether the answer was what the golden prompt must give. */
  readonly content?: boolean;
  readonly error?: string;
  /** What it cost the engine; absent when it never got there, and in traces that do not say. */
  readonly cost?: CompletionCost;
}

/** What real traffic did since the last tick, as the data plane counted it. */
export interface PassiveSeen {
  readonly requests: number;
  readonly client: number;
  readonly quota: number;
  readonly cluster: number;
  readonly cut: number;
  readonly ttft95: number | null;
}

export interface SelfSeen {
  /** Event-loop delay of the watcher, ms. */
  readonly lag: number;
  /** How late this tick came, s. */
  readonly late: number;
  /** Whether the known-good control target answered; `null` when there is none. */
  readonly control: boolean | null;
}

/** Everything that one vantage learnt in one tick. A missing key was not asked; `null` was asked and is not known. */
export interface TickSeen {
  readonly atMs: number;
  readonly http?: HttpSeen | null;
  readonly gpu?: { readonly healthy: boolean; readonly xid?: number } | null;
  readonly memory?: { readonly used: number } | null;
  readonly metrics?: MetricsSeen | null;
  readonly generation?: GenerationSeen | null;
  readonly identity?: string | null;
  readonly passive?: PassiveSeen | null;
  readonly self: SelfSeen;
}

/** The report of one vantage: what `watchCluster` returns when the verdict changed. */
export interface VantageReport {
  readonly vantage: Vantage;
  readonly diagnosis: Diagnosis;
  /** When the report was made, ms. */
  readonly atMs: number;
  /** Last completion that the prober itself saw succeed, ms; preflight in an emergency trusts one of the last 5 s. */
  readonly lastGenerationOkAtMs: number | null;
  /** Nobody watches from there any more: made by whoever waited in vain. */
  readonly lost?: true;
}
