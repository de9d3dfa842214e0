/**
 * Server-sent events, read as they arrive: frames, lines and characters may be split anywhere between chunks.
 * An event that the connection's end leaves unfinished is dropped, as the specification of event streams says.
 */
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

/** Longest frame, in UTF-16 units; a model's token is some hundred bytes, a whole embedded answer some hundred KiB. */
export const SSE_FRAME_MAX = 1024 * 1024;

/** A parser that calls `onEvent` for each frame that has data. Lines may end in LF or CRLF. */
export function createSseParser(onEvent: (e: SseEvent) => void): SseParser {
  const decoder = new TextDecoder('utf-8');
  let partialLine = '';
  let event: string | null = null;
  let data: string[] = [];
  let frameLength = 0;
  let isTooLong = false;

  const forget = (): void => {
    event = null;
    data = [];
    frameLength = 0;
  };

  const takeLine = (line: string): void => {
    if (line === '') {
      const seen = data.length > 0 ? { event, data: data.join('\n') } : null;
      forget();
      if (seen !== null) onEvent(seen);
      return;
    }
    frameLength += line.length;
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
      const text = decoder.decode(chunk, { stream: true });
      let from = 0;
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
        const line = partialLine + text.slice(from, at);
        partialLine = '';
        from = at + 1;
        takeLine(line.endsWith('\r') ? line.slice(0, -1) : line);
      }
      // Only what is new is searched above, so that a long line in small pieces costs no second look.
      partialLine += text.slice(from);
      isTooLong = frameLength + partialLine.length > SSE_FRAME_MAX;
      if (isTooLong) {
        partialLine = '';
        forget();
      }
      return !isTooLong;
    },
    end() {
      partialLine = '';
      forget();
    },
  };
}
