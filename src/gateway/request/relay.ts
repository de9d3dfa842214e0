/**
 * Passes an answer on to its caller, no faster than the caller reads: byte for byte, or spliced to an answer that broke
 * off. Of an event stream only whole lines go out, so that a stream which breaks off never leaves half a frame in front
 * of what comes next.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { GatheredBytes } from '../../engines/gathered-bytes.js';
import { faults } from '../boundary.js';
import { atEndOfTurn } from '../end-of-turn.js';
import type { AnswerKeeper } from '../conversations/answer-keeper.js';
import type { Splice } from '../continuation/splice.js';
import { answerHead, type HeadOrder } from './answer-head.js';
import type { StreamScan } from './stream-scan.js';

export type Passed = 'went' | 'caller-is-slow' | 'broken';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const COMMA = 44;
const BLANK_LINE = Buffer.from('\n');
/** `"previous_response_id" : null`, with blanks in it. */
const PAIR_BYTES_MAX = 256;

/** What a relay needs of the caller's answer. */
export type CallerSink = Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'once' | 'socket'>;

export interface RelayOrder {
  readonly res: CallerSink;
  /** Reads along an event stream; `null` for any other content. */
  readonly scan: StreamScan | null;
  /** What makes this answer the rest of another one; `null` when it is the first. */
  readonly splice: Splice | null;
  /** Changes what of an answer its cluster cannot know; `null`: it goes out as it came. */
  readonly keeper: Pick<AnswerKeeper, 'rewrite'> | null;
}

export class Relay {
  readonly #res: CallerSink;
  readonly #scan: StreamScan | null;
  readonly #splice: Splice | null;
  readonly #keeper: RelayOrder['keeper'];
  /** Begin of a line that is not whole yet. */
  readonly #partial = new GatheredBytes();
  #partialBytes = 0;
  #sentBytes = 0;
  /** What is missing after the last bytes until a new frame may begin. */
  #gap = '';

  constructor(order: RelayOrder) {
    this.#res = order.res;
    this.#scan = order.scan;
    this.#splice = order.splice;
    this.#keeper = order.keeper;
  }

  /** The caller of a continued answer has its headers. */
  open(status: number, headers: IncomingHttpHeaders, member: HeadOrder['member']): void {
    if (this.#splice !== null) return;
    // Of a stream another cluster may say the rest.
    const isVerbatim = this.#scan === null && this.#keeper === null;
    this.#res.writeHead(status, answerHead({ headers, member, isVerbatim }));
  }

  /** `given`: how many bytes of the chunk end in a whole line, as the scan said; all of it for other content. */
  pass(chunk: Buffer, given: number): Passed {
    const whole = this.#scan === null && this.#keeper !== null ? beforeLastPair(chunk) : given;
    const brokenAt = this.#scan?.brokenAt ?? null;
    if (whole === chunk.length && this.#partialBytes === 0 && brokenAt === null) return this.#send(chunk);
    if (whole === 0 && brokenAt === null) {
      this.#keep(chunk);
      return 'went';
    }
    this.#keep(chunk.subarray(0, whole));
    const lines = this.#partial.all();
    this.#forget();
    if (brokenAt !== null) {
      this.#send(lines.subarray(0, brokenAt - this.#sentBytes));
      return 'broken';
    }
    if (whole < chunk.length) this.#keep(chunk.subarray(whole));
    return this.#send(lines);
  }

  whenCallerCanRead(then: () => void): void {
    this.#res.once('drain', () => faults.guard('request', then));
  }

  /** The cluster has ended its answer, as it does or without the last bytes that a caller waits for. */
  end(): void {
    const rest = this.#partial.all();
    const isDone = rest.toString('latin1').trim() === 'data: [DONE]';
    if (this.#splice !== null || (this.#scan?.allSaid === true && !isDone)) this.complete();
    else this.#res.end(this.#scan === null ? (this.#keeper?.rewrite(rest) ?? rest) : rest);
  }

  /** Everything was said: whatever is missing to a proper end is added. */
  complete(): void {
    this.closeFrame();
    this.#res.end(this.#splice?.end() ?? this.#scan?.missingEnd ?? '');
  }

  /** The cluster broke off. Of the last frame all lines that are whole have been counted as said, so it is ended here. */
  closeFrame(): void {
    this.#forget();
    if (this.#gap === '') return;
    this.#res.write(this.#splice?.rewrite(BLANK_LINE) ?? this.#gap);
    this.#gap = '';
  }

  #keep(bytes: Buffer): void {
    this.#partial.add(bytes);
    this.#partialBytes += bytes.length;
  }

  #forget(): void {
    this.#partial.letGo();
    this.#partialBytes = 0;
  }

  #send(bytes: Buffer): Passed {
    if (bytes.length === 0) return 'went';
    this.#sentBytes += bytes.length;
    if (this.#scan !== null) this.#gap = gapAfter(bytes);
    const own = this.#keeper === null ? bytes : this.#keeper.rewrite(bytes);
    const spliced = this.#splice === null ? own : this.#splice.rewrite(own);
    const went = spliced.length === 0 || this.#write(spliced);
    if (this.hasLost) return 'broken';
    return went ? 'went' : 'caller-is-slow';
  }

  #write(piece: Buffer | string): boolean {
    // The socket itself, not the answer: that would make one chunk of all, which newer versions of Node may write too late.
    const { socket } = this.#res;
    socket?.cork();
    const went = this.#res.write(piece);
    if (socket !== null) atEndOfTurn(() => socket.uncork());
    return went;
  }

  /** A part of the rest could not be passed on, so that whatever follows, it is not whole. */
  get hasLost(): boolean {
    return this.#splice !== null && this.#splice.unreadable !== null;
  }

  /** Why it is `broken`. */
  get brokenBy(): string {
    return this.#splice?.unreadable ?? this.#scan?.brokenBy ?? '';
  }
}

/** How much of a piece of JSON cannot end within what a keeper changes, a key and its value. */
function beforeLastPair(piece: Buffer): number {
  const comma = piece.lastIndexOf(COMMA) + 1;
  return piece.length - comma > PAIR_BYTES_MAX ? piece.length : comma;
}

/** A frame ends with a blank line, which may have come alone. */
function gapAfter(bytes: Buffer): string {
  let at = bytes.length - 1;
  if (bytes[at] !== LINE_FEED) return '\n\n';
  at = bytes[at - 1] === CARRIAGE_RETURN ? at - 2 : at - 1;
  return at < 0 || bytes[at] === LINE_FEED ? '' : '\n';
}
