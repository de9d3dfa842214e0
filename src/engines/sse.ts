/**
 * Server-sent events, read as they arrive: frames, lines and characters may be split anywhere between chunks.
 * An event that the connection's end leaves unfinished is dropped, as the specification of event streams says.
 */
import { GatheredBytes } from './gathered-bytes.js';

export interface SseEvent {
  /** Name of the event, `null` when the frame has none. */
  readonly event: string | null;
  /** The `data` lines, joined by line feeds. */
  readonly data: string;
}

export interface SseParser {
  /** False: an event is longer than SSE_FRAME_MAX. No more can be read then, whatever else is pushed. */
  push(chunk: Uint8Array): boolean;
  /** No more bytes: what is unfinished is forgotten. */
  end(): void;
}

/** Longest frame, in bytes; a model's token is some hundred, a whole embedded answer some hundred KiB. */
export const SSE_FRAME_MAX = 1024 * 1024;

const LINE_FEED = 10;
const BYTE_ORDER_MARK = '\ufeff';

/** Of a line whose end has not come. As texts put together its pieces would take thirty times their room. */
class BegunLine {
  bytes = 0;
  readonly #pieces = new GatheredBytes();
  #isFirst = true;

  add(piece: Buffer): void {
    this.#pieces.add(piece);
    this.bytes += piece.length;
  }

  letGo(): void {
    this.#pieces.letGo();
    this.bytes = 0;
  }

  /** The whole line, and how many bytes it has. No character is parted by the end of a line. */
  endWith(piece: Buffer): { readonly line: string; readonly bytes: number } {
    this.add(piece);
    const all = this.bytes > piece.length ? this.#pieces.all() : piece;
    this.letGo();
    const line = all.toString('utf8').replace(/\r$/, '');
    const isMarked = this.#isFirst && line.startsWith(BYTE_ORDER_MARK);
    this.#isFirst = false;
    return { line: isMarked ? line.slice(1) : line, bytes: all.length };
  }
}

/** A parser that calls `onEvent` for each frame that has data. Lines may end in LF or CRLF. */
export function createSseParser(onEvent: (e: SseEvent) => void): SseParser {
  const begun = new BegunLine();
  let event: string | null = null;
  let data: string[] = [];
  let frameBytes = 0;
  let isTooLong = false;

  const forget = (): void => {
    event = null;
    data = [];
    frameBytes = 0;
  };

  const takeLine = (line: string): void => {
    if (line === '') {
      const seen = data.length > 0 ? { event, data: data.join('\n') } : null;
      forget();
      if (seen !== null) onEvent(seen);
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment, often a keep-alive
    const field = colon < 0 ? line : line.slice(0, colon);
    const raw = colon < 0 ? '' : line.slice(colon + 1);
    const value = raw.startsWith(' ') ? raw.slice(1) : raw;
    if (field === 'data') data.push(value);
    else if (field === 'event') event = value;
  };

  return {
    push(chunk) {
      if (isTooLong) return false;
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let from = 0;
      for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, from)) {
        const ended = begun.endWith(bytes.subarray(from, at));
        frameBytes += ended.bytes;
        takeLine(ended.line);
        from = at + 1;
      }
      begun.add(bytes.subarray(from));
      isTooLong = frameBytes + begun.bytes > SSE_FRAME_MAX;
      if (isTooLong) {
        begun.letGo();
        forget();
      }
      return !isTooLong;
    },
    end() {
      begun.letGo();
      forget();
    },
  };
}
