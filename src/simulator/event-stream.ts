/** Takes a stream of server-sent events apart, whatever the borders of the chunks. */

const EVENT_CHARS_MAX = 1024 * 1024;

export class EventReader {
  #rest = '';
  readonly #decoder = new TextDecoder();

  /** The `data` of every event that `chunk` completes. An event without an end is dropped when it grows too long. */
  push(chunk: Uint8Array): readonly string[] {
    const parts = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split(/\r?\n\r?\n/u);
    this.#rest = (parts.pop() ?? '').slice(-EVENT_CHARS_MAX);
    return parts.filter((part) => part.startsWith('data:')).map((part) => part.slice(5).trimStart());
  }
}
