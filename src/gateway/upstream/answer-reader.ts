/**
 * Reads one HTTP/1.1 answer (RFC 9112) from its bytes, however they are parted.
 *
 *     head --length--> counted                                         --> over
 *       |---chunked--> chunk-size --> chunk --> chunk-end --> ... trailers --> over
 *       '---neither--> to-the-end                           --connection ends--> over
 *
 * Strict wherever a lax reader could be led to see another answer than its cluster's: lines end with CRLF, a length is said
 * once and one way, and no coding but `chunked` is understood. What is not understood is an error, never a guess.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { BadAnswer, readHead, type Framing } from './answer-head.js';

/** All of a head, or of the trailers. */
export const HEAD_BYTES_MAX = 32 * 1024;
/** A chunk's size with its extensions, which are read over. */
const SIZE_LINE_MAX = 1_024;
/** Heads that announce nothing yet (`100`, `103`) before the one that counts. */
const INTERIM_MAX = 8;

export interface AnswerSink {
  onHead(status: number, headers: IncomingHttpHeaders): void;
  /** What came of the body at once, without its coding; never empty. */
  onBody(piece: Buffer): void;
}

type Part = 'head' | 'counted' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers' | 'to-the-end' | 'over';

/** Of the body. */
const FIRST_PART: Readonly<Record<Framing['kind'], Part>> = {
  none: 'over',
  counted: 'counted',
  chunked: 'chunk-size',
  'to-the-end': 'to-the-end',
};

const LINE_FEED = 10;
const HEAD_END = '\r\n\r\n';
const CHUNK_SIZE = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n$/;

export class AnswerReader {
  /** The connection may carry another request when this answer is over. */
  reusable = false;
  /** How long the cluster says it keeps an idle connection, ms; `null`: it does not say. */
  keptForMs: number | null = null;
  readonly #method: string;
  readonly #sink: AnswerSink;
  #part: Part = 'head';
  /** Bytes that are missing to the end of the body, or of the chunk. */
  #left = 0;
  /** What has come of a head, or a line, whose end is missing. */
  #begun = '';
  /** Of a head: the end of that, where its last line may have begun to end. */
  #seam = '';
  #interim = 0;
  #trailerBytes = 0;
  /**
   * Emptied, never made anew: of a stream it would have become old by itself between two tokens, and as garbage keep the
   * next token's bytes until the next full collection. Seen: 0.9 KB a token.
   */
  readonly #pieces: Buffer[] = [];

  constructor(method: string, sink: AnswerSink) {
    this.#method = method;
    this.#sink = sink;
  }

  /** Not a byte of it has come. */
  get untouched(): boolean {
    return this.#part === 'head' && this.#begun === '' && this.#interim === 0;
  }

  get over(): boolean {
    return this.#part === 'over';
  }

  /** Answers how many of the bytes belong to this answer. @throws BadAnswer */
  push(bytes: Buffer): number {
    let at = 0;
    try {
      while (at < bytes.length && this.#part !== 'over') at = this.#read(bytes, at);
    } finally {
      this.#tell(); // what came before a fault is heard, whether the fault came with it or later
    }
    return at;
  }

  /** Its end is that of the connection. */
  get endsWithConnection(): boolean {
    return this.#part === 'to-the-end';
  }

  /** A stream's tokens may come many at a time, each in a chunk of its own: they are one piece to whoever listens. */
  #tell(): void {
    const [first] = this.#pieces;
    if (first === undefined) return;
    const piece = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    this.#pieces.length = 0;
    this.#sink.onBody(piece);
  }

  /** Answers where to go on. */
  #read(bytes: Buffer, at: number): number {
    switch (this.#part) {
      case 'head':
        return this.#readHead(bytes, at);
      case 'counted':
        return this.#readBody(bytes, at, 'over');
      case 'chunk':
        return this.#readBody(bytes, at, 'chunk-end');
      case 'to-the-end':
        this.#pieces.push(at === 0 ? bytes : bytes.subarray(at));
        return bytes.length;
      case 'chunk-size':
      case 'chunk-end':
      case 'trailers':
        return this.#readLine(bytes, at);
      case 'over':
        return at;
    }
  }

  #readBody(bytes: Buffer, at: number, next: Part): number {
    const to = Math.min(bytes.length, at + this.#left);
    this.#pieces.push(bytes.subarray(at, to));
    this.#left -= to - at;
    if (this.#left === 0) this.#part = next;
    return to;
  }

  #readLine(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(LINE_FEED, at) + 1;
    const to = end === 0 ? bytes.length : end;
    if (this.#begun.length + to - at > SIZE_LINE_MAX) throw new BadAnswer('a line between its chunks is too long');
    const line = this.#begun + bytes.toString('latin1', at, to);
    this.#begun = end === 0 ? line : '';
    if (end > 0) this.#take(line);
    return to;
  }

  #take(line: string): void {
    if (this.#part === 'chunk-size') this.#takeSize(line);
    else if (this.#part === 'trailers') this.#takeTrailer(line);
    else if (line === '\r\n') this.#part = 'chunk-size';
    else throw new BadAnswer('a chunk is longer than it said');
  }

  #takeSize(line: string): void {
    const size = CHUNK_SIZE.exec(line)?.[1];
    if (size === undefined) throw new BadAnswer('a chunk does not say its size');
    this.#left = Number.parseInt(size, 16);
    this.#part = this.#left === 0 ? 'trailers' : 'chunk';
  }

  /** Trailers come too late for any caller's headers, so they are read over. */
  #takeTrailer(line: string): void {
    this.#trailerBytes += line.length;
    if (this.#trailerBytes > HEAD_BYTES_MAX) throw new BadAnswer('its trailers are too large');
    if (line === '\r\n') this.#part = 'over';
    else if (!line.endsWith('\r\n')) throw new BadAnswer('a trailer does not end as a line does');
  }

  #readHead(bytes: Buffer, at: number): number {
    const begun = this.#begun;
    const seam = this.#seam;
    // Its end may have begun already. All of what came is not searched again: it would be copied for each byte that comes.
    const news = seam + bytes.toString('latin1', at);
    const endInNews = news.indexOf(HEAD_END);
    const before = begun.length - seam.length;
    if ((endInNews < 0 ? before + news.length - HEAD_END.length + 1 : before + endInNews) > HEAD_BYTES_MAX)
      throw new BadAnswer('its headers are too large');
    const text = seam === '' ? news : begun + news.slice(seam.length);
    this.#begun = endInNews < 0 ? text : '';
    this.#seam = endInNews < 0 ? news.slice(1 - HEAD_END.length) : '';
    if (endInNews < 0) return bytes.length;
    this.#takeHead(text.slice(0, before + endInNews));
    return at + endInNews + HEAD_END.length - seam.length;
  }

  #takeHead(text: string): void {
    const head = readHead(text, this.#method);
    if (head.status < 200) this.#passOver(head.status);
    else {
      const { framing } = head;
      this.reusable = head.reusable;
      this.keptForMs = head.keptForMs;
      if (framing.kind === 'counted') this.#left = framing.bytes;
      this.#part = framing.kind === 'counted' && framing.bytes === 0 ? 'over' : FIRST_PART[framing.kind];
      this.#sink.onHead(head.status, head.headers);
    }
  }

  #passOver(status: number): void {
    if (status === 101) throw new BadAnswer('it changes to a protocol that nobody asked for');
    if (++this.#interim > INTERIM_MAX) throw new BadAnswer('it announces and announces');
  }
}
