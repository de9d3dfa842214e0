/**
 * The connections to one origin. Those that are idle are used again, the latest first, for a connection that has rested
 * long may be closed by its cluster at any moment.
 */
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { connect as connectTls } from 'node:tls';
import { Deadline } from '../deadline.js';
import { Asking, type AnswerHandler, type Answering } from './asking.js';
import { Connection, ConnectionError, type ConnectionOwner } from './connection.js';
import { writtenHead, type UpstreamRequest } from './request-head.js';

/** uvicorn closes an idle connection after 5 s without saying so beforehand: stay below, or requests meet a reset. */
const IDLE_MS_MAX = 4_000;
/** How often those that have rested too long are closed. None of them is used, whether it is closed yet or not. */
const SWEEP_MS = 1_000;
/** So much earlier than it announces a cluster may be expected to close an idle connection: our request is on its way. */
const KEPT_MARGIN_MS = 1_000;
/** Long prefills are silent, and routers between forget silent connections. */
const KEEP_ALIVE_MS = 60_000;

export interface ConnectionsOptions {
  readonly connectTimeoutMs: number;
  /** Requests beyond wait for one of those. */
  readonly connectionsMax: number;
}

export class Connections implements ConnectionOwner {
  readonly #url: URL;
  readonly #connectTimeoutMs: number;
  readonly #connectionsMax: number;
  readonly #all = new Set<Connection>();
  /** The latest last; closed ones among them are passed over. */
  #idle: Connection[] = [];
  /** In the order of their coming. */
  readonly #waiting = new Set<Asking>();
  /** What the last TLS handshake may be shortened by. */
  #tlsSession: Buffer | undefined;
  #sweeps = false;
  #closing = false;

  /** `origin`: scheme, host and port. */
  constructor(origin: string, { connectTimeoutMs, connectionsMax }: ConnectionsOptions) {
    this.#url = new URL(origin);
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#connectionsMax = connectionsMax;
  }

  /** @throws UnfitRequest when it cannot be written as HTTP */
  ask(request: UpstreamRequest, handler: AnswerHandler): Answering {
    const asking = new Asking(writtenHead(request, this.#url.host), request, handler);
    const connection = this.#takeIdle();
    if (connection !== null) connection.ask(asking);
    else this.#askAnew(asking);
    return asking;
  }

  /** What runs ends by itself; nothing idle is left behind. */
  close(): void {
    this.#closing = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  destroy(): void {
    this.close();
    const error = new ConnectionError('CLOSED', 'the gateway ends');
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const asking of waiting) asking.failed(error);
    for (const connection of this.#all) connection.destroy(error);
  }

  freed(connection: Connection, forMs: number | null): void {
    const next = this.#nextWaiting();
    if (next !== null) connection.ask(next);
    else if (this.#closing) connection.destroy();
    else {
      const announced = forMs === null ? Infinity : forMs - KEPT_MARGIN_MS;
      connection.usableUntilMs = performance.now() + Math.min(IDLE_MS_MAX, announced);
      this.#idle.push(connection);
      if (!this.#sweeps) this.#sweepLater();
    }
  }

  lost(connection: Connection): void {
    this.#all.delete(connection);
    const next = this.#nextWaiting();
    if (next !== null) this.#open().ask(next);
  }

  /** On a new one: others that were idle may be just as old. */
  again(asking: Asking): void {
    this.#askAnew(asking);
  }

  /** Over a new connection, or the next that is free where there are as many as may be. */
  #askAnew(asking: Asking): void {
    if (this.#all.size < this.#connectionsMax) this.#open().ask(asking);
    else {
      asking.queue = this.#waiting;
      this.#waiting.add(asking);
    }
  }

  #nextWaiting(): Asking | null {
    if (this.#waiting.size === 0) return null;
    const [next = null] = this.#waiting;
    if (next !== null) {
      this.#waiting.delete(next);
      next.queue = null;
    }
    return next;
  }

  #takeIdle(): Connection | null {
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop()) {
      if (last.isUsable) return last;
      last.destroy();
    }
    return null;
  }

  /** Runs as long as there is anything idle. */
  #sweepLater(): void {
    this.#sweeps = true;
    setTimeout(() => this.#closeRested(), SWEEP_MS).unref();
  }

  #closeRested(): void {
    this.#sweeps = false;
    const usable: Connection[] = [];
    for (const connection of this.#idle) {
      if (connection.isUsable) usable.push(connection);
      else connection.destroy();
    }
    this.#idle = usable;
    if (usable.length > 0) this.#sweepLater();
  }

  #open(): Connection {
    const socket = this.#connect();
    const connection = new Connection(socket, this);
    this.#all.add(connection);
    const deadline = new Deadline(this.#connectTimeoutMs, () => {
      const message = `no connection within ${this.#connectTimeoutMs} ms`;
      connection.destroy(new ConnectionError('CONNECT_TIMEOUT', message));
    });
    const settled = (): void => deadline.stop();
    socket.once(this.#isTls ? 'secureConnect' : 'connect', settled).once('close', settled);
    return connection;
  }

  get #isTls(): boolean {
    return this.#url.protocol === 'https:';
  }

  #connect(): Socket {
    const host = this.#url.hostname.replace(/^\[|\]$/g, '');
    const port = Number(this.#url.port === '' ? (this.#isTls ? 443 : 80) : this.#url.port);
    const socket = this.#isTls ? this.#connectTls(host, port) : connectPlain({ host, port });
    return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
  }

  /** Node tells the session of a cluster that has proven its name only; when it is resumed nobody looks at that again. */
  #connectTls(host: string, port: number): Socket {
    const named = isIP(host) === 0 ? { servername: host } : {};
    const resumed = this.#tlsSession === undefined ? {} : { session: this.#tlsSession };
    const socket = connectTls({ host, port, ...named, ...resumed, ALPNProtocols: ['http/1.1'] });
    socket.on('session', (session) => (this.#tlsSession = session));
    return socket.on('close', (failed) => {
      if (failed) this.#tlsSession = undefined; // whatever is wrong, the next one begins anew
    });
  }
}
