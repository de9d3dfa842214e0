/** Bytes of an answer that its caller has not been given yet. */
export class HeldBytes {
  #chunks: Buffer[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  all(): Buffer {
    const [first] = this.#chunks;
    return this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks, this.#size);
  }

  /** They are on their way, or nobody wants them; the size stays known. */
  letGo(): void {
    this.#chunks = [];
  }
}

/** Answers up to this size are kept until they are whole; embeddings of a large batch are some MiB. */
export const COLLECT_BYTES_MAX = 8 * 1024 * 1024;
/** Beginning of a stream that says nothing yet: roles, keep-alives, a line with the token ids of the prompt. */
export const HOLD_BYTES_MAX = 1024 * 1024;
/** Of an error's body only the beginning is of use. */
export const ERROR_BYTES_MAX = 64 * 1024;
