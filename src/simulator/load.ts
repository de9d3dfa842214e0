/**
 * A stream of real requests with known right answers: open loop (requests leave when they are due, not when earlier
 * ones are done), within a bound on how many run at once. Only targets on this machine are accepted.
 */
import { randomBytes } from 'node:crypto';
import { Agent } from 'undici';
import { CodedError } from '../domain/errors.js';
import { loadPrompt, PROMPT_KINDS, type PromptKind } from './load-prompts.js';
import { sendOne, type LoadResult } from './load-request.js';
import { LoadTally, type LoadSummary } from './load-summary.js';
import { loopbackUrl } from './loopback.js';

export interface LoadOptions {
  /** Base URL, e.g. http://127.0.0.1:4401; loopback only. */
  readonly url: string;
  /** What requests carry as `model`: a service's name at the gateway, a model's id at a cluster. */
  readonly model: string;
  readonly requestsPerSecond: number;
  /** Share of requests that stream, 0..1; default 0.5, spread evenly. */
  readonly streamShare?: number;
  /** Requests at once; default 256. What is due above it waits. */
  readonly concurrencyMax?: number;
  /** Taken in turn; default all. */
  readonly promptKinds?: readonly PromptKind[];
  /** Longest answer, tokens; default 48. */
  readonly maxTokens?: number;
  /** Every answer is as long as `maxTokens`, as vLLM's `ignore_eos` has it; default false. */
  readonly ignoreEos?: boolean;
  /** Ends by itself after so many requests; without it, when `signal` or `stop()` says so. */
  readonly total?: number;
  /** For one request from start to end, ms; default 120 000. */
  readonly timeoutMs?: number;
  /** Ends the sending; what runs is finished. */
  readonly signal?: AbortSignal;
  readonly onResult?: (result: LoadResult) => void;
}

export interface LoadRun {
  /** Totals so far. */
  summary(): LoadSummary;
  /** Sends nothing more; resolves when all that runs has ended. */
  stop(): Promise<LoadSummary>;
  /** Resolves with the end of the last request. */
  readonly done: Promise<LoadSummary>;
}

const RATE_MAX = 10_000;
const CONCURRENCY_MAX = 10_000;

/** @throws CodedError `bad-input` for a target elsewhere or a number out of bounds */
export function startLoad(options: LoadOptions): LoadRun {
  const run = new Run(options);
  return {
    summary: () => run.tally.summary(),
    stop: async () => {
      run.stopSending();
      return await run.done;
    },
    done: run.done,
  };
}

class Run {
  readonly tally = new LoadTally();
  readonly done: Promise<LoadSummary>;
  readonly #options: Required<Omit<LoadOptions, 'signal' | 'onResult' | 'total'>>;
  readonly #total: number;
  readonly #onResult: (result: LoadResult) => void;
  readonly #origin: URL;
  readonly #agent: Agent;
  readonly #name = randomBytes(4).toString('hex');
  readonly #startedAtMs = performance.now();
  #timer: NodeJS.Timeout | null = null;
  #sending = true;
  #ended = false;
  #end: (summary: LoadSummary) => void = () => undefined;

  constructor(options: LoadOptions) {
    this.#origin = loopbackUrl(options.url);
    this.#options = withDefaults(options);
    this.#total = options.total ?? Number.POSITIVE_INFINITY;
    this.#onResult = options.onResult ?? ((): void => undefined);
    const { timeoutMs, concurrencyMax } = this.#options;
    this.#agent = new Agent({
      connections: concurrencyMax,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connect: { timeout: timeoutMs },
    });
    this.done = new Promise((resolve) => {
      this.#end = resolve;
    });
    if (options.signal?.aborted === true) this.#sending = false;
    options.signal?.addEventListener('abort', () => {
      this.stopSending();
    });
    this.#sendWhatIsDue();
  }

  stopSending(): void {
    this.#sending = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#endWhenDone();
  }

  /** Requests that should have left by now: request 0 at the start, one more each 1/rate seconds. */
  #due(): number {
    const elapsedS = (performance.now() - this.#startedAtMs) / 1_000;
    return Math.min(this.#total, 1 + Math.floor(elapsedS * this.#options.requestsPerSecond));
  }

  #sendWhatIsDue(): void {
    const places = this.#options.concurrencyMax;
    while (this.#sending && this.tally.sent < this.#due() && this.tally.sent - this.tally.finished < places) {
      this.#send(this.tally.sent);
    }
    if (this.tally.sent >= this.#total) this.#sending = false;
    this.#endWhenDone();
    if (!this.#sending) return;
    // With all places taken, the next end sends what is due by then.
    if (this.tally.sent - this.tally.finished >= places) return;
    const dueAtMs = this.#startedAtMs + (this.tally.sent / this.#options.requestsPerSecond) * 1_000;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#sendWhatIsDue();
      },
      Math.max(0, dueAtMs - performance.now()),
    );
  }

  #send(number: number): void {
    const { requestsPerSecond, streamShare, promptKinds, timeoutMs, concurrencyMax } = this.#options;
    const { model, maxTokens, ignoreEos } = this.#options;
    const stream = Math.floor((number + 1) * streamShare) > Math.floor(number * streamShare);
    const kind = promptKinds[number % promptKinds.length] ?? 'short';
    const prompt = loadPrompt({ kind, number, run: this.#name, model, maxTokens, ignoreEos, stream });
    const isLate = (performance.now() - this.#startedAtMs) / 1_000 > (number + 1) / requestsPerSecond;
    if (isLate && this.tally.sent - this.tally.finished === concurrencyMax - 1) this.tally.delayed += 1;
    this.tally.sent += 1;
    if (stream) this.tally.streams += 1;
    void sendOne(prompt, { origin: this.#origin, dispatcher: this.#agent, number, stream, timeoutMs }).then(
      (result) => {
        this.tally.add(result);
        this.#onResult(result);
        this.#sendWhatIsDue();
      },
    );
  }

  #endWhenDone(): void {
    if (this.#ended || this.#sending || this.tally.sent > this.tally.finished) return;
    this.#ended = true;
    this.tally.end();
    this.#end(this.tally.summary());
    void this.#agent.close();
  }
}

function withDefaults(options: LoadOptions): Required<Omit<LoadOptions, 'signal' | 'onResult' | 'total'>> {
  const { url, model, requestsPerSecond } = options;
  const streamShare = options.streamShare ?? 0.5;
  const concurrencyMax = options.concurrencyMax ?? 256;
  const promptKinds = options.promptKinds ?? PROMPT_KINDS;
  const maxTokens = options.maxTokens ?? 48;
  const ignoreEos = options.ignoreEos ?? false;
  const timeoutMs = options.timeoutMs ?? 120_000;
  inBounds('requestsPerSecond', requestsPerSecond, 0.001, RATE_MAX);
  inBounds('streamShare', streamShare, 0, 1);
  inBounds('concurrencyMax', concurrencyMax, 1, CONCURRENCY_MAX);
  inBounds('maxTokens', maxTokens, 1, 32_768);
  inBounds('timeoutMs', timeoutMs, 1, 3_600_000);
  inBounds('total', options.total ?? 1, 1, 100_000_000);
  inBounds('the number of promptKinds', promptKinds.length, 1, PROMPT_KINDS.length);
  return { url, model, requestsPerSecond, streamShare, concurrencyMax, promptKinds, maxTokens, ignoreEos, timeoutMs };
}

function inBounds(name: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return;
  throw new CodedError('bad-input', `${name} must be from ${String(min)} to ${String(max)}, found ${String(value)}`);
}
