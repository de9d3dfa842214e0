/** Takes a stream of server-sent events apart, whatever the borders of the chunks. */

const EVENT_CHARS_MAX = 1024 * 1024;
const EVENT_END = /\r?\n\r?\n/u;
/** Where the end of an event may have begun. */
const SEAM_CHARS = 3;

export class EventReader {
  #rest = '';
  #seam = '';
  readonly #decoder = new TextDecoder();
  readonly #onComment: (text: string) => void;

  /** `onComment` hears what stands behind the colon of each comment that begins an event. */
  constructor(onComment: (text: string) => void = () => undefined) {
    this.#onComment = onComment;
  }

  /** The `data` of every event that `chunk` completes. An event without an end is dropped when it grows too long. */
  push(chunk: Uint8Array): readonly string[] {
    const text = this.#decoder.decode(chunk, { stream: true });
    const isOpen = !EVENT_END.test(this.#seam + text);
    const all = this.#rest + text;
    this.#seam = (this.#seam + text).slice(-SEAM_CHARS);
    // What is there need not be searched again: that would be all of a long event for each piece of it.
    if (isOpen && all.length <= EVENT_CHARS_MAX) {
      this.#rest = all;
      return [];
    }
    const parts = all.split(EVENT_END);
    this.#rest = (parts.pop() ?? '').slice(-EVENT_CHARS_MAX);
    for (const part of parts) if (part.startsWith(':')) this.#onComment(part.slice(1).trim());
    return parts.filter((part) => part.startsWith('data:')).map((part) => part.slice(5).trimStart());
  }
}
