/**
 * The answer to a caller, whose pieces somebody may hear. A class of its own: functions put on each answer would be found
 * by the compiled code of the one before, and keep it from the garbage collector.
 */
import type { Socket } from 'node:net';
import { ServerResponse, type OutgoingHttpHeader, type OutgoingHttpHeaders } from 'node:http';
import { faults } from './boundary.js';
import { Deadline } from './deadline.js';

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];

/** How long a caller may leave unread what it was sent, ms, where nobody says. */
const UNREAD_MS = 30_000;
/** So much more is given as much time again: 34 KiB/s with that. */
const READ_BYTES_MIN = 1024 * 1024;

export class WatchedResponse extends ServerResponse {
  /** Hears every piece of the body; `null`: nobody wants to. */
  onPiece: ((piece: unknown, encoding: unknown) => void) | null = null;
  /** Names and values in turn, of what any answer to this caller says; `null`: nothing. */
  ownHeaders: (() => readonly string[]) | null = null;
  unreadMs = UNREAD_MS;
  #unread: Deadline | null = null;
  #isWatched = false;

  /** Bytes that the head has promised and that have not come; `null`: it promised no number. */
  #owed: number | null = null;

  override writeHead(status: number, message?: string | Headers, headers?: Headers): this {
    const given = typeof message === 'string' ? headers : message;
    this.#owed = this.#promised(status, given);
    if (this.ownHeaders === null) return super.writeHead(status, given);
    // A list is written as it is; set one by one, each header would be looked at twice.
    return super.writeHead(status, withOwn(given, this.ownHeaders()));
  }

  override write(
    piece: unknown,
    encoding?: BufferEncoding | ((error: Error | null | undefined) => void),
    done?: (error: Error | null | undefined) => void,
  ): boolean {
    if (!this.#pays(piece, encoding)) return false;
    this.onPiece?.(piece, encoding);
    const went = super.write(piece, encoding as BufferEncoding, done);
    if (!went) this.#watchReader(this.socket);
    return went;
  }

  override end(piece?: unknown, encoding?: BufferEncoding | (() => void), done?: () => void): this {
    if (!this.#pays(piece, encoding)) return this;
    if (this.#owed !== null && this.#owed > 0) return this.#break('shorter');
    this.onPiece?.(piece, encoding);
    const { socket } = this;
    super.end(piece, encoding as BufferEncoding, done);
    if (socket !== null && socket.writableLength > 0) this.#watchReader(socket);
    return this;
  }

  /** Places are given back at the end of an answer: a listener that throws keeps none of the others from hearing of it. */
  override emit(event: string | symbol, ...said: unknown[]): boolean {
    if (event !== 'close') return super.emit(event, ...said);
    const listeners = this.rawListeners(event);
    for (const listener of listeners) faults.guard('request', () => void listener.apply(this, said));
    return listeners.length > 0;
  }

  #promised(status: number, headers: Headers | undefined): number | null {
    if (headers === undefined || Array.isArray(headers) || this.req.method === 'HEAD' || status === 304) return null;
    const length = headers['content-length'];
    return length === undefined ? null : Number(length);
  }

  /**
   * A body that is longer or shorter than its head says would be read as the beginning of the next answer on this
   * connection, or take that one's: the connection ends instead.
   */
  #pays(piece: unknown, encoding: unknown): boolean {
    if (this.#owed === null || (typeof piece !== 'string' && !(piece instanceof Uint8Array))) return true;
    this.#owed -= Buffer.byteLength(piece, encoding as BufferEncoding);
    if (this.#owed < 0) this.#break('longer');
    return this.#owed >= 0;
  }

  /** A bug of ours: a cluster's own mistakes end before they come here. */
  #break(how: 'longer' | 'shorter'): this {
    faults.caught('request', new Error(`an answer was ${how} than its content-length said`));
    return this.destroy();
  }

  /** Only of a caller that is slow: all others cost nothing. */
  #watchReader(socket: Socket | null): void {
    if (this.#unread !== null || socket === null) return;
    const waiting = socket.writableLength;
    const target = socket.bytesWritten;
    const readMs = this.unreadMs * (1 + waiting / READ_BYTES_MIN);
    this.#unread = new Deadline(readMs, () => this.#lookAtReader(socket, target));
    if (!this.#isWatched) this.once('close', () => this.#unread?.stop());
    this.#isWatched = true;
  }

  /** `target`: what it should have taken by now. */
  #lookAtReader(socket: Socket, target: number): void {
    this.#unread = null;
    if (socket.bytesWritten - socket.writableLength < target) socket.destroy();
    else if (socket.writableLength > 0) this.#watchReader(socket);
  }
}

/** What a cluster says of its own limits must not stand beside what we say of ours. */
function withOwn(given: Headers | undefined, own: readonly string[]): OutgoingHttpHeader[] {
  if (given === undefined || Array.isArray(given)) return [...(given ?? []), ...own];
  const list: OutgoingHttpHeader[] = [];
  for (const name in given) {
    const value = given[name];
    if (value !== undefined && (own.length === 0 || !name.startsWith('x-ratelimit-'))) list.push(name, value);
  }
  for (const each of own) list.push(each);
  return list;
}
