/**
 * One connection to a Redis server. Replies say not to which command they belong: their order does. So whatever breaks the
 * order (bytes that are no reply, one that nobody asked for, one of the wrong kind, none for long) ends the connection with
 * everything that waits on it, and the next one begins with nothing.
 */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { faults } from '../boundary.js';
import { BrokenReplies, RedisRefusal, ReplyReader, type Reply } from './redis-replies.js';

const CONNECT_MS_MAX = 1_000;
const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 1_000;
/** Commands that may wait for their answers; beyond that the server counts as unreachable. */
const WAITING_MAX = 1_000;
/** Nobody waits for an answer that long; a server that gives none is gone, or does something else. */
const ANSWER_MS_MAX = 10_000;
/** A conversation, its key, and room. */
const TEXT_BYTES_MAX = 8 * 1024 * 1024;
const PORT = 6379;

interface Waiting {
  readonly sinceMs: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export class RedisConnection {
  readonly #url: URL;
  #socket: Socket | null = null;
  #isReady = false;
  #waiting: Waiting[] = [];
  #tries = 0;
  #retry: NodeJS.Timeout | undefined;
  readonly #watch: NodeJS.Timeout;
  #isClosed = false;

  /** Does not wait for the server. */
  constructor(url: string) {
    this.#url = new URL(url);
    this.#watch = setInterval(() => this.#endIfSilent(), ANSWER_MS_MAX / 4).unref();
    this.#connect();
  }

  /** Its reply. @throws RedisRefusal as the server says, or an error when there is no answer to be had */
  async ask(words: readonly string[]): Promise<string | number | null> {
    if (!this.#isReady) throw new Error('it is not connected');
    return await this.#send(words);
  }

  /** Replies are not what was asked for. */
  drop(why: Error): void {
    this.#socket?.destroy(why);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#watch);
    clearTimeout(this.#retry);
    this.#socket?.destroy();
  }

  async #send(words: readonly string[]): Promise<string | number | null> {
    const reply = await new Promise<Reply>((resolve, reject) => {
      if (this.#socket === null || this.#waiting.length >= WAITING_MAX) {
        reject(new Error(`${WAITING_MAX} commands wait for their answers`));
        return;
      }
      this.#waiting.push({ sinceMs: performance.now(), resolve, reject });
      this.#socket.write(encode(words));
    });
    if (reply instanceof RedisRefusal) throw reply;
    return reply;
  }

  #connect(): void {
    const { hostname, protocol } = this.#url;
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const to = { host, port: this.#url.port === '' ? PORT : Number(this.#url.port), keepAlive: true, noDelay: true };
    const isTls = protocol === 'rediss:';
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const socket = isTls ? connectTls({ ...to, ...servername }) : connect(to);
    this.#socket = socket;
    const replies = new ReplyReader(TEXT_BYTES_MAX);
    const late = setTimeout(() => socket.destroy(new Error('no connection in time')), CONNECT_MS_MAX);
    let why: Error = new Error('the connection ended');
    socket
      .on('error', (error) => (why = error))
      .once(isTls ? 'secureConnect' : 'connect', () => {
        clearTimeout(late);
        this.#greet().catch((error: unknown) => socket.destroy(error instanceof Error ? error : undefined));
      })
      .on('data', (piece: Buffer) => this.#hear(socket, replies, piece))
      .once('close', () => {
        clearTimeout(late);
        this.#ended(why);
      });
  }

  /** Who is asking, and for which database. */
  async #greet(): Promise<void> {
    const [user, password] = [decodeURIComponent(this.#url.username), decodeURIComponent(this.#url.password)];
    const database = this.#url.pathname.slice(1);
    const greeting: string[][] = [];
    if (password !== '') greeting.push(user === '' ? ['AUTH', password] : ['AUTH', user, password]);
    if (database !== '') greeting.push(['SELECT', database]);
    for (const words of greeting)
      if ((await this.#send(words)) !== 'OK') throw new BrokenReplies('a greeting that is not answered by OK');
    this.#isReady = true;
  }

  #hear(socket: Socket, replies: ReplyReader, piece: Buffer): void {
    if (socket.destroyed) return;
    try {
      for (const reply of replies.read(piece)) {
        const waiting = this.#waiting.shift();
        if (waiting === undefined) throw new BrokenReplies('an answer that nobody asked for');
        waiting.resolve(reply);
        this.#tries = 0;
      }
    } catch (error) {
      if (!(error instanceof BrokenReplies)) faults.caught('store', error);
      socket.destroy(error instanceof Error ? error : undefined);
    }
  }

  #endIfSilent(): void {
    const [oldest] = this.#waiting;
    if (oldest !== undefined && performance.now() - oldest.sinceMs > ANSWER_MS_MAX)
      this.drop(new Error('no answer in time'));
  }

  #ended(why: Error): void {
    this.#socket = null;
    this.#isReady = false;
    for (const { reject } of this.#waiting.splice(0)) reject(why);
    if (this.#isClosed) return;
    const pauseMs = Math.min(RECONNECT_MS_MIN * 2 ** this.#tries++, RECONNECT_MS_MAX);
    this.#retry = setTimeout(() => this.#connect(), pauseMs).unref();
  }
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}
