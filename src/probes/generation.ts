/**
 * `generation`: a real completion, streamed, so that the first and the second token are timed. Two tokens, because an
 * engine may prefill well and never decode. A clean end is a finish reason of the model's own: `[DONE]` alone is sent
 * after an engine's crash too.
 */
import { request } from 'undici';
import type { ClusterSpec } from '../domain/fleet.js';
import { hasReached, type CompletionCost } from '../domain/health/probe-budget.js';
import type { GenerationSeen } from '../domain/health/types.js';
import { createSseParser } from '../engines/sse.js';
import { probeHeaders, sharedDispatcher, withDeadline, wordOf } from './ask.js';
import { keyHeaders, urlOf } from './cluster-url.js';
import { readChunk } from './completion-chunk.js';
import { printable } from '../domain/printable.js';
import { questionFor } from './golden-prompts.js';

/** 64 tokens at the most are asked for, some 300 bytes a chunk; an engine that goes on for longer is not heard out. */
const STREAM_BYTES_MAX = 128 * 1024;
/** Characters of the answer that are judged: judging costs time on the loop that all watches share. */
const TEXT_MAX = 4096;
/** Where an engine does not count for us: letters of a token, and tokens of a chat template. */
const LETTERS_A_TOKEN = 4;
const TEMPLATE_TOKENS = 10;
/** An engine that does not know a field, or may not use it. */
const REFUSES = 400;
const ENGINE_ERROR = 'engine error';
/** Of a finish reason in evidence. */
const FINISH_CHARS_MAX = 40;
const WELL_ENDED: ReadonlySet<string> = new Set(['stop', 'length']);

export interface GenerationOptions {
  readonly maxTokens: number;
  /** For the whole answer, ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Fields that let callers go first. An engine that refuses them is asked again without; that is told. */
  readonly lowPriority?: { readonly fields: Readonly<Record<string, number>>; readonly onRefused: () => void };
}

/** What a stream has said so far. */
interface Progress {
  text: string;
  thought: boolean;
  tokens: number;
  usage: { readonly prompt: number; readonly completion: number } | null;
  /** Of the first two tokens. */
  tokenAtMs: number[];
  finish: string | null;
  failure: string | null;
}

/**
 * Sends one completion and says what came back. Never throws.
 * `error`: a word of the transport, an HTTP status, `no second token`, `cut` (no finish reason) or `engine error`.
 */
export async function probeGeneration(cluster: ClusterSpec, options: GenerationOptions): Promise<GenerationSeen> {
  const question = questionFor(cluster.probes.generation?.golden);
  const started = performance.now();
  const progress: Progress = {
    text: '',
    thought: false,
    tokens: 0,
    usage: null,
    tokenAtMs: [],
    finish: null,
    failure: null,
  };
  const seen = await converse(cluster, question.prompt, progress, options);
  const times = timesOf(progress, started);
  if (seen !== null && !hasReached(seen)) return { ok: false, ...times, error: seen };
  const cost = costOf(progress, question.prompt, started);
  if (seen !== null) return { ok: false, ...times, error: seen, cost };
  const content = question.judge(progress);
  return content === null ? { ok: true, ...times, cost } : { ok: true, ...times, content, cost };
}

/** @returns what went wrong, in a word; `null` for an answer that came to its end */
async function converse(
  cluster: ClusterSpec,
  prompt: string,
  progress: Progress,
  options: GenerationOptions,
): Promise<string | null> {
  try {
    const status = await withDeadline(options, async (signal) => {
      const ask = async (fields: object): Promise<number> =>
        await stream(cluster, { ...requestOf(cluster, prompt, options.maxTokens), ...fields }, signal, progress);
      const { lowPriority } = options;
      if (lowPriority === undefined) return await ask({});
      const first = await ask(lowPriority.fields);
      if (!mayBeRefusal(first, progress)) return first;
      progress.failure = null;
      const second = await ask({});
      // The same answer again: it was not the fields.
      if (!mayBeRefusal(second, progress)) lowPriority.onRefused();
      return second;
    });
    if (status !== 200) return String(status);
  } catch (error) {
    return wordOfBreak(error, progress, options);
  }
  if (progress.failure !== null) return progress.failure;
  if (progress.finish === null) return 'cut';
  // The engine's own word, never one of ours: `timeout` or `429` from its mouth is no time-out and no status.
  return WELL_ENDED.has(progress.finish) ? null : `ended with ${printable(progress.finish, FINISH_CHARS_MAX)}`;
}

/** A stream may be under way before an engine reads the fields: then it refuses them in its first event. */
const mayBeRefusal = (status: number, { failure, tokens }: Progress): boolean =>
  status === REFUSES || (failure === ENGINE_ERROR && tokens === 0);

function requestOf({ model }: ClusterSpec, prompt: string, maxTokens: number): object {
  const messages = [{ role: 'user', content: prompt }];
  return { model, messages, max_tokens: maxTokens, temperature: 0, stream: true };
}

function costOf({ tokens, usage }: Progress, prompt: string, started: number): CompletionCost {
  return {
    ms: Math.round(performance.now() - started),
    promptTokens: usage?.prompt ?? TEMPLATE_TOKENS + Math.ceil(prompt.length / LETTERS_A_TOKEN),
    completionTokens: usage?.completion ?? tokens,
  };
}

/** @returns the HTTP status; for 200 after the stream has been read to its end */
async function stream(
  cluster: ClusterSpec,
  completion: object,
  signal: AbortSignal,
  progress: Progress,
): Promise<number> {
  const response = await request(urlOf(cluster, '/v1/chat/completions'), {
    method: 'POST',
    dispatcher: sharedDispatcher,
    signal,
    headers: {
      ...probeHeaders(),
      'content-type': 'application/json',
      accept: 'text/event-stream',
      ...keyHeaders(cluster),
    },
    body: JSON.stringify(completion),
  });
  // Leaving a body early is an error of the body's to undici; without a listener it would end this process.
  response.body.on('error', () => undefined);
  if (response.statusCode !== 200) {
    response.body.destroy();
    return response.statusCode;
  }
  const parser = createSseParser((event) => note(event.data, progress));
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    const isReadable = parser.push(chunk);
    bytes += chunk.length;
    if (progress.failure !== null) break;
    if (!isReadable || bytes > STREAM_BYTES_MAX) {
      progress.failure = 'endless';
      break;
    }
  }
  parser.end();
  return response.statusCode;
}

function note(data: string, progress: Progress): void {
  const chunk = readChunk(data);
  if (chunk === null) return;
  if (chunk.error) progress.failure = ENGINE_ERROR;
  if (progress.tokenAtMs.length < 2 && (chunk.text !== '' || chunk.thought)) progress.tokenAtMs.push(performance.now());
  if (chunk.text !== '' || chunk.thought) progress.tokens += 1;
  progress.usage = chunk.usage ?? progress.usage;
  progress.text += chunk.text.slice(0, TEXT_MAX - progress.text.length);
  progress.thought ||= chunk.thought;
  progress.finish = chunk.finish ?? progress.finish;
}

function timesOf(progress: Progress, started: number): { ttft?: number; gap?: number } {
  const [first, second] = progress.tokenAtMs;
  if (first === undefined) return {};
  const ttft = Math.round(first - started);
  return second === undefined ? { ttft } : { ttft, gap: Math.round(second - first) };
}

function wordOfBreak(error: unknown, progress: Progress, options: GenerationOptions): string {
  const word = wordOf(error, options.signal);
  if (word === 'timeout' && progress.tokenAtMs.length === 1) return 'no second token';
  return word === 'reset' && progress.tokenAtMs.length > 0 ? 'cut' : word;
}
