/**
 * Joins the answer of another cluster to one that broke off: frames come in whole or in parts, and go out with the
 * identity of the first answer. Only used after a break, so it may take each frame apart.
 */
import { spliceFrame, type SpokenBefore } from '../../domain/continuation/splice-frame.js';
import { createSseParser, type SseEvent } from '../../engines/sse.js';
import { parseFields } from '../../domain/outside.js';

/** The last frame of every stream of choices. */
export const DONE_FRAME = 'data: [DONE]\n\n';

export class Splice {
  readonly #before: SpokenBefore;
  readonly #mark: string;
  readonly #parser = createSseParser((event) => this.#take(event));
  /** Why what came cannot be passed on; `null`: it can. From then on nothing is. */
  unreadable: string | null = null;
  #out = '';
  #done = false;

  /** `mark`: a comment that tells whoever looks at the stream where its parts came from. */
  constructor(before: SpokenBefore, mark: string) {
    this.#before = before;
    this.#mark = mark;
  }

  /** What the caller gets for these lines: up to the first that cannot be read. Dropped, it would be missing unnoticed. */
  rewrite(lines: Uint8Array): string {
    this.#out = '';
    if (this.unreadable !== null) return '';
    if (!this.#parser.push(lines)) this.unreadable ??= 'the rest has an event that is too long to be read';
    return this.#out;
  }

  /** What is still missing at the end: the mark and the one `[DONE]`, unless they went out. */
  end(): string {
    if (this.#done) return '';
    this.#done = true;
    return `${this.#mark}${DONE_FRAME}`;
  }

  #take({ data }: SseEvent): void {
    if (this.#done || this.unreadable !== null || data.trim() === '') return;
    if (data === '[DONE]') {
      this.#out += this.end();
      return;
    }
    const frame = parseFields(data);
    if (frame === null) {
      this.unreadable = 'the rest has an event that cannot be read';
      return;
    }
    const spliced = spliceFrame(frame, this.#before);
    if (spliced !== null) this.#out += `data: ${JSON.stringify(spliced)}\n\n`;
  }
}
