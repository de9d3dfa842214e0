/** What a simulated cluster is: the sizes and speeds of its engine. Rates are per second, sizes in tokens or bytes. */
import type { EngineKind } from '../domain/fleet.js';

export interface ClusterSettings {
  readonly name: string;
  /** Address that the serving child binds. */
  readonly host: string;
  /** 0: the operating system chooses. */
  readonly port: number;
  readonly model: string;
  /** `vllm` also serves /metrics; `generic` has the four plain checks only. */
  readonly engine: EngineKind;
  /** Requests in one batch. */
  readonly concurrency: number;
  /** Pace of one stream, and of every other in the batch. */
  readonly tokensPerSecond: number;
  /** Prompt tokens that the whole engine reads in a second when nothing is cached. */
  readonly prefillTokensPerSecond: number;
  /** The first token comes no sooner after its request, ms: what an engine needs for an empty prompt. */
  readonly firstTokenMs: number;
  /** Requests that may wait; one more is answered 503. */
  readonly queueMax: number;
  /** Prompt and answer together. */
  readonly contextTokensMax: number;
  /** Blocks of 16 prompt tokens that the prefix cache keeps. */
  readonly cacheBlocksMax: number;
  readonly memoryTotalBytes: number;
}

/** Pace of a 70B model on eight data-centre GPUs, roughly: 50 tokens/s a stream, 8,000 prompt tokens/s. */
export const SETTINGS_DEFAULT: Omit<ClusterSettings, 'name'> = {
  host: '127.0.0.1',
  port: 0,
  model: 'llama-3.1-70b',
  engine: 'vllm',
  concurrency: 64,
  tokensPerSecond: 50,
  prefillTokensPerSecond: 8_000,
  firstTokenMs: 0,
  queueMax: 4_096,
  contextTokensMax: 32_768,
  cacheBlocksMax: 8_192,
  memoryTotalBytes: 80 * 1024 ** 3,
};
