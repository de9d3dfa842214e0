/**
 * One connection to a cluster, which carries one request at a time. What comes while nothing was asked, or behind the end
 * of an answer, ends it: nobody could say whose that is.
 */
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { faults } from '../boundary.js';
import { atEndOfTurn, ONE_PIECE_BYTES_MAX } from '../end-of-turn.js';
import { BadAnswer } from './answer-head.js';
import type { Asking } from './asking.js';

export interface ConnectionOwner {
  /** It may carry another request, for so long; ms. `null`: its cluster does not say how long. */
  freed(connection: Connection, forMs: number | null): void;
  /** It is no more. Told once. */
  lost(connection: Connection): void;
  /** The request met a connection that its cluster was just closing, and wants another one. */
  again(asking: Asking): void;
}

/** An idle connection's end that our request crosses on its way is heard of within this; later it is an answer's end. */
const CROSSED_MS_MAX = 1_000;

export class ConnectionError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export class Connection {
  /** Monotonic, ms: later it may not be used again. Its owner's own note. */
  usableUntilMs = 0;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  #asking: Asking | null = null;
  #askedAtMs = 0;
  #isUsed = false;
  #error: Error | null = null;

  /** `socket`: connected, or about to be. */
  constructor(socket: Socket, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    socket.on('data', (bytes: Buffer) => this.#heard(bytes));
    socket.on('end', () => faults.guard('request', () => this.#saidAll()));
    socket.on('error', (error) => (this.#error ??= error));
    socket.on('close', () => faults.guard('request', () => this.#closed()));
  }

  get isUsable(): boolean {
    return !this.#socket.destroyed && performance.now() < this.usableUntilMs;
  }

  ask(asking: Asking): void {
    const { request } = asking;
    if (request === null) return;
    this.#asking = asking;
    this.#askedAtMs = performance.now();
    asking.connection = this;
    const socket = this.#socket;
    const { head, body } = request;
    socket.cork();
    if (body === null || body.length <= ONE_PIECE_BYTES_MAX) {
      socket.write(body === null ? head : head + body.toString('latin1'), 'latin1');
    } else {
      socket.write(head, 'latin1');
      socket.write(body);
    }
    atEndOfTurn(() => socket.uncork());
    if (asking.paused) socket.pause();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Ends it at once; what it carries hears of it when there is an `error` to hear of. */
  destroy(error: Error | null = null): void {
    const asking = this.#asking;
    this.#asking = null;
    this.#socket.destroy();
    if (error !== null) asking?.failed(error);
  }

  #heard(bytes: Buffer): void {
    const asking = this.#asking;
    if (asking === null) {
      this.destroy();
      return;
    }
    let taken: number;
    try {
      taken = asking.reader.push(bytes);
    } catch (error) {
      // What the reader cannot take is the cluster's to answer for, whatever it is.
      if (!(error instanceof BadAnswer)) faults.caught('request', error);
      this.destroy(error instanceof BadAnswer ? error : new BadAnswer('it could not be read'));
      return;
    }
    if (asking.reader.over && this.#asking === asking) this.#release(asking, taken === bytes.length);
  }

  /** An answer may be over before all of its request has gone out: nobody would read the rest. */
  #release(asking: Asking, isAllTaken: boolean): void {
    this.#asking = null;
    const { reusable, keptForMs } = asking.reader;
    if (!reusable || !isAllTaken || this.#socket.writableLength > 0) this.#socket.destroy();
    else {
      if (asking.paused) this.#socket.resume();
      this.#isUsed = true;
      this.#owner.freed(this, keptForMs);
    }
    asking.ended();
  }

  /**
   * The cluster has closed its side: no answer can come any more, and what still goes out nobody waits for. Where nothing
   * else says how long an answer is, that is its end.
   */
  #saidAll(): void {
    const asking = this.#asking;
    this.#socket.destroy();
    if (asking?.reader.endsWithConnection !== true) return;
    this.#asking = null;
    asking.ended();
  }

  #closed(): void {
    this.#owner.lost(this);
    const asking = this.#asking;
    if (asking !== null && this.#hasCrossed(asking)) {
      this.#asking = null;
      this.#owner.again(asking);
    } else this.destroy(this.#error ?? new ConnectionError('CLOSED', 'the cluster closed the connection'));
  }

  /**
   * Some engines close a connection after an answer though they said that they keep it (llama-server after a stream), and
   * all close idle ones at some time. That is no failure of the cluster's; on a new connection it shows what it is.
   */
  #hasCrossed(asking: Asking): boolean {
    return this.#isUsed && asking.reader.untouched && performance.now() - this.#askedAtMs < CROSSED_MS_MAX;
  }
}
