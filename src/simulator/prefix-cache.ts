/** Least-recently-used cache of prompt prefixes in blocks, as paged engines keep it: a cold prompt costs prefill. */
import { hashOf } from './text.js';

export const BLOCK_TOKENS = 16;
const BLOCK_CHARS = BLOCK_TOKENS * 4; // the simulated tokenizer's four characters a token

export class PrefixCache {
  /** A Map keeps the order of insertion: the first key is the one unused for longest. */
  readonly #blocks = new Map<string, true>();
  readonly #blocksMax: number;

  constructor(blocksMax: number) {
    this.#blocksMax = blocksMax;
  }

  /** Reads a prompt through the cache and leaves its blocks in it. Answers how many leading tokens were there already. */
  read(prompt: string): number {
    let key = 0x811c9dc5;
    let hits = 0;
    let unbroken = true;
    for (let at = 0; at + BLOCK_CHARS <= prompt.length; at += BLOCK_CHARS) {
      key = hashOf(prompt.slice(at, at + BLOCK_CHARS), key);
      const block = `${String(at)}:${String(key)}`;
      unbroken &&= this.#blocks.delete(block);
      if (unbroken) hits += 1;
      else this.#blocks.delete(block);
      this.#blocks.set(block, true);
    }
    this.#evict();
    return hits * BLOCK_TOKENS;
  }

  clear(): void {
    this.#blocks.clear();
  }

  #evict(): void {
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= this.#blocksMax) return;
      this.#blocks.delete(oldest);
    }
  }
}
