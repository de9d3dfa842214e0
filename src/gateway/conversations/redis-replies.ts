/**
 * What a Redis server answers, as far as conversations need it: a line, an error, a number, a text or nothing (RESP 2).
 * Everything else is refused before room is made for it, so that a few bytes can neither fill nor end the process: lists
 * that announce millions of items, texts without an end, messages that nobody asked for.
 */

/** An error that the server answers; its text may say anything, its first word says which. */
export class RedisRefusal extends Error {}

/** After this nobody knows to which question the next bytes belong. */
export class BrokenReplies extends Error {}

export type Reply = string | number | null | RedisRefusal;

/** Errors of scripts repeat a line of the script. */
const LINE_CHARS_MAX = 8 * 1024;
const LINE_END = Buffer.from('\r\n');
const NEWLINE = 10;

export class ReplyReader {
  readonly #textBytesMax: number;
  #line = '';
  /** A text with the end of its line, as far as it has come. */
  #text: { readonly bytes: Buffer; filled: number } | null = null;

  constructor(textBytesMax: number) {
    this.#textBytesMax = textBytesMax;
  }

  /** The replies that end in this piece. @throws BrokenReplies */
  read(piece: Buffer): readonly Reply[] {
    const replies: Reply[] = [];
    let at = 0;
    while (at < piece.length)
      at = this.#text === null ? this.#readLine(piece, at, replies) : this.#fill(piece, at, replies);
    return replies;
  }

  #readLine(piece: Buffer, at: number, replies: Reply[]): number {
    const newline = piece.indexOf(NEWLINE, at);
    const end = newline < 0 ? piece.length : newline + 1;
    if (this.#line.length + end - at > LINE_CHARS_MAX) throw new BrokenReplies('a line without an end');
    this.#line += piece.toString('latin1', at, end);
    if (newline < 0) return end;
    if (!this.#line.endsWith('\r\n')) throw new BrokenReplies('a line that ends in the middle');
    const line = this.#line.slice(0, -2);
    this.#line = '';
    const reply = this.#replyOf(line[0], line.slice(1));
    if (reply !== undefined) replies.push(reply);
    return end;
  }

  /** `undefined`: a text follows. */
  #replyOf(type: string | undefined, rest: string): Reply | undefined {
    if (type === '+') return rest;
    if (type === '-') return new RedisRefusal(/^[A-Z]{1,20}\b/.exec(rest)?.[0] ?? 'an error');
    if (type === ':' && /^-?\d{1,15}$/.test(rest)) return Number(rest);
    if (type !== '$') throw new BrokenReplies('an answer of a kind that nothing was asked for');
    if (rest === '-1') return null;
    if (!/^\d{1,15}$/.test(rest)) throw new BrokenReplies('a text without a length');
    const length = Number(rest);
    if (length > this.#textBytesMax) throw new BrokenReplies(`a text of more than ${this.#textBytesMax} bytes`);
    this.#text = { bytes: Buffer.allocUnsafe(length + LINE_END.length), filled: 0 };
    return undefined;
  }

  #fill(piece: Buffer, at: number, replies: Reply[]): number {
    const text = this.#text;
    if (text === null) return at;
    const copied = piece.copy(text.bytes, text.filled, at);
    text.filled += copied;
    if (text.filled === text.bytes.length) {
      const length = text.bytes.length - LINE_END.length;
      if (!text.bytes.subarray(length).equals(LINE_END)) throw new BrokenReplies('a text that is longer than it says');
      replies.push(text.bytes.toString('utf8', 0, length));
      this.#text = null;
    }
    return at + copied;
  }
}
