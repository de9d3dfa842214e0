/** Takes a stream of server-sent events apart, whatever the borders of the chunks. */

const EVENT_CHARS_MAX = 1024 * 1024;

export class EventReader {
  #rest = '';
  readonly #decoder = new TextDecoder();
  readonly #onComment: (text: string) => void;

  /** `onComment` hears what stands behind the colon of each comment that begins an event. */
  constructor(onComment: (text: string) => void = () => undefined) {
    this.#onComment = onComment;
  }

  /** The `data` of every event that `chunk` completes. An event without an end is dropped when it grows too long. */
  push(chunk: Uint8Array): readonly string[] {
    const parts = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split(/\r?\n\r?\n/u);
    this.#rest = (parts.pop() ?? '').slice(-EVENT_CHARS_MAX);
    for (const part of parts) if (part.startsWith(':')) this.#onComment(part.slice(1).trim());
    return parts.filter((part) => part.startsWith('data:')).map((part) => part.slice(5).trimStart());
  }
}
