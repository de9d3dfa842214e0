/**
 * The beginnings of prompts that a service's callers use most, in bounded memory (Space-Saving): what a cluster that takes
 * over should have read before. Texts stay in this process, for nobody but the clusters that serve them.
 */
import type { ChoicesApi } from '../../domain/continuation/continued-request.js';
import { boundedJson } from './bounded-json.js';
import { FNV_START, fnv1a } from '../../domain/text-hash.js';

/** Beginnings that are followed; the counts of the hottest are right within (requests / this). */
const TRACKED_MAX = 64;
/** Longer ones are not followed. */
const PREFIX_CHARS_MAX = 64 * 1024;
/** Of what is replayed, its tools included: 64 of them are 4 MiB a service at most. */
const REPLAY_BYTES_MAX = 64 * 1024;
/** Of a prompt whose callers did not say where its common part ends. */
const OPEN_PREFIX_CHARS = 1_024;
/** A beginning that is no longer than this costs any cluster next to nothing to read. */
const PREFIX_CHARS_MIN = 64;
/** So much of its head and of its tail tells two beginnings apart, with the length; more would cost every request. */
const HASHED_CHARS = 256;
/** After so many requests all counts are halved: what was hot yesterday fades. */
const HALF_LIFE_REQUESTS = 10_000;
/** Seen once it is nobody's habit. */
const HOT_COUNT_MIN = 2;

export interface HotPrefix {
  readonly hash: string;
  readonly count: number;
  readonly chars: number;
}

interface Tracked {
  readonly api: ChoicesApi;
  /** Length of the text. */
  readonly chars: number;
  /** The request that has a cluster read it, without the model, as JSON: parsed it would take ten times its bytes. */
  readonly replay: Buffer;
  count: number;
  /** Of the count: what it took over from the one whose place it took, and perhaps never was. */
  inherited: number;
}

export class HotPrefixes {
  readonly #tracked = new Map<number, Tracked>();
  #requests = 0;

  /** Takes note of a request, as it was parsed; `null`: it is none that has a prompt of its own. */
  note(api: ChoicesApi | null, request: unknown): void {
    if (api === null) return;
    const found = api === 'chat' ? beginningOfChat(request) : beginningOfPrompt(request);
    if (found === null) return;
    if (++this.#requests % HALF_LIFE_REQUESTS === 0) this.#fade();
    const hash = hashOf(found.text);
    const known = this.#tracked.get(hash);
    if (known !== undefined) known.count++;
    else this.#track(hash, api, found);
  }

  /** The hottest first: what is known of each, without its text. */
  list(max: number): readonly HotPrefix[] {
    return this.#hottest(max).map(([hash, tracked]) => ({
      hash: hash.toString(16).padStart(8, '0'),
      count: certain(tracked),
      chars: tracked.chars,
    }));
  }

  /** Requests that have a cluster read them, the hottest first. */
  replays(max: number): readonly { readonly api: ChoicesApi; readonly body: Readonly<Record<string, unknown>> }[] {
    return this.#hottest(max).map(([, { api, replay }]) => ({
      api,
      body: { ...(JSON.parse(replay.toString()) as object), max_tokens: 1 },
    }));
  }

  #hottest(max: number): [number, Tracked][] {
    const hot = [...this.#tracked].filter(([, tracked]) => certain(tracked) >= HOT_COUNT_MIN);
    return hot.sort(([, a], [, b]) => certain(b) - certain(a)).slice(0, max);
  }

  /** A newcomer takes the place of the coldest, and its count: so nothing hot is ever lost to a row of strangers. */
  #track(hash: number, api: ChoicesApi, { text, replay }: Beginning): void {
    const bytes = boundedJson(replay, REPLAY_BYTES_MAX);
    if (bytes === null) return;
    const fresh = { api, chars: text.length, replay: bytes, count: 1, inherited: 0 };
    if (this.#tracked.size >= TRACKED_MAX) {
      let coldest = -1;
      let least = Infinity;
      for (const [other, { count }] of this.#tracked) {
        if (count >= least) continue;
        [coldest, least] = [other, count];
      }
      this.#tracked.delete(coldest);
      fresh.count += least;
      fresh.inherited = least;
    }
    this.#tracked.set(hash, fresh);
  }

  #fade(): void {
    for (const tracked of this.#tracked.values()) {
      tracked.count = Math.floor(tracked.count / 2);
      tracked.inherited = Math.floor(tracked.inherited / 2);
    }
  }
}

/** What several processes counted of one service, as one list. */
export function mergeHot(lists: readonly (readonly HotPrefix[])[], max: number): readonly HotPrefix[] {
  const byHash = new Map<string, HotPrefix>();
  for (const prefix of lists.flat()) {
    const known = byHash.get(prefix.hash);
    byHash.set(prefix.hash, { ...prefix, count: prefix.count + (known?.count ?? 0) });
  }
  return [...byHash.values()].sort((a, b) => b.count - a.count).slice(0, max);
}

/** So often at least it was asked. */
const certain = ({ count, inherited }: Tracked): number => count - inherited;

interface Beginning {
  readonly text: string;
  readonly replay: Readonly<Record<string, unknown>>;
}

/** The first message: what all callers of one application share. Its tools stand before it in most templates. */
function beginningOfChat(request: unknown): Beginning | null {
  const { messages, tools } = (request ?? {}) as { messages?: unknown; tools?: unknown };
  const first: unknown = Array.isArray(messages) ? messages[0] : undefined;
  const { role, content } = (first ?? {}) as { role?: unknown; content?: unknown };
  if (typeof content !== 'string' || !isWorth(content)) return null;
  // Templates want somebody to answer; what an engine keeps of the beginning is the same.
  const asking = role === 'user' ? [] : [{ role: 'user', content: '.' }];
  return { text: content, replay: { messages: [first, ...asking], ...(tools === undefined ? {} : { tools }) } };
}

function beginningOfPrompt(request: unknown): Beginning | null {
  const { prompt } = (request ?? {}) as { prompt?: unknown };
  if (typeof prompt !== 'string' || !isWorth(prompt)) return null;
  const text = prompt.slice(0, OPEN_PREFIX_CHARS);
  return { text, replay: { prompt: text } };
}

const isWorth = (text: string): boolean => text.length >= PREFIX_CHARS_MIN && text.length <= PREFIX_CHARS_MAX;

/** Two beginnings in one place would only be counted together. */
function hashOf(text: string): number {
  const headTo = Math.min(text.length, HASHED_CHARS);
  const head = fnv1a(FNV_START ^ text.length, text, 0, headTo);
  return fnv1a(head, text, Math.max(headTo, text.length - HASHED_CHARS));
}
