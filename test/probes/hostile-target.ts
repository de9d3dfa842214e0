/** A server that means harm, on bare sockets: it is not bound to what HTTP libraries let a server do. Loopback only. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

const PIECE = Buffer.alloc(64 * 1024, 0x78);
const OK = 'HTTP/1.1 200 OK\r\n';

/** What a connection does once it has been asked something. */
type Attack = (socket: Socket, target: HostileTarget) => void;

/** Writes `piece` for as long as the other side takes it. */
function pour(socket: Socket, piece: string | Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
    socket.once('drain', more);
  };
  more();
}

/** Writes a piece every few ms: never silent, never done. */
function drip(socket: Socket, piece: string): void {
  const timer = setInterval(() => (socket.destroyed ? clearInterval(timer) : socket.write(piece)), 10);
  socket.once('close', () => clearInterval(timer));
}

const chunked = (text: string | Buffer): Buffer => {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]);
};
const whole = (body: string | Buffer, headers = ''): Buffer =>
  Buffer.concat([Buffer.from(`${OK}${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n`), Buffer.from(body)]);
const token = (text: string): string => `data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}\n\n`;

export const ATTACKS = {
  'an endless body': (socket) => {
    socket.write(`${OK}transfer-encoding: chunked\r\n\r\n`);
    pour(socket, chunked(PIECE));
  },
  'a body of a promised exabyte': (socket) => {
    socket.write(`${OK}content-length: 1152921504606846976\r\n\r\n`);
    pour(socket, PIECE);
  },
  'an endless line of a metrics page': (socket) => {
    socket.write(`${OK}\r\nvllm:num_requests_running{a="`);
    pour(socket, PIECE);
  },
  silence: () => undefined,
  'a header that comes letter by letter': (socket) => drip(socket, 'H'),
  'headers that never end, one by one': (socket) => {
    socket.write(OK);
    drip(socket, 'x-more: y\r\n');
  },
  'a gigantic header': (socket) => {
    socket.write(`${OK}x-big: `);
    pour(socket, PIECE);
  },
  'a status that is endlessly preliminary': (socket) => pour(socket, 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100)),
  'a body that comes byte by byte': (socket) => {
    socket.write(`${OK}content-length: 100000\r\n\r\n`);
    drip(socket, 'x');
  },
  'a redirect to another host': (socket, target) =>
    socket.write(`HTTP/1.1 307 Temporary Redirect\r\nlocation: ${target.elsewhere}\r\ncontent-length: 0\r\n\r\n`),
  'a redirect to itself': (socket) =>
    socket.write('HTTP/1.1 302 Found\r\nlocation: /health\r\ncontent-length: 0\r\n\r\n'),
  'a picture': (socket) =>
    socket.write(whole(Buffer.from('89504e470d0a1a0a00ff00ff', 'hex'), 'content-type: image/png\r\n')),
  'bytes that are no HTTP': (socket) => socket.write(Buffer.from('16030100ff01000000deadbeef'.repeat(20), 'hex')),
  'a compressed bomb': (socket) =>
    socket.write(whole(gzipSync(Buffer.alloc(16 * 1024 * 1024)), 'content-encoding: gzip\r\n')),
  'JSON a hundred thousand brackets deep': (socket) => socket.write(whole('['.repeat(60_000))),
  'two lengths that contradict each other': (socket) =>
    socket.write(`${OK}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`),
  'more than the length that it named': (socket) =>
    socket.write(`${OK}content-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`),
  'an end of its own side only, before any answer': (socket) => socket.end(),
  'an end of its own side only, inside the body': (socket) => socket.end(`${OK}content-length: 100\r\n\r\nhalf`),
  'an event stream that never ends': (socket) => {
    socket.write(`${OK}content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n`);
    pour(socket, chunked(token(' word')));
  },
  'an event stream of keep-alives': (socket) => {
    socket.write(`${OK}content-type: text/event-stream\r\n\r\n`);
    drip(socket, ': still here\n\n');
  },
  'an event of one endless line': (socket) => {
    socket.write(`${OK}content-type: text/event-stream\r\n\r\ndata: `);
    pour(socket, PIECE);
  },
  'a token every few milliseconds, for ever': (socket) => {
    socket.write(`${OK}content-type: text/event-stream\r\n\r\n`);
    drip(socket, token('字'));
  },
} as const satisfies Record<string, Attack>;

export type AttackName = keyof typeof ATTACKS;

export class HostileTarget {
  /** Requests as they came, heads only. */
  readonly heads: string[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  /** Where redirects point to. */
  elsewhere = '';

  private constructor(attack: Attack) {
    // Half-open on purpose: this side's end does not end the other one.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
      socket.on('end', () => socket.destroy());
      socket.on('data', (bytes) => {
        if (this.heads.length < 100) this.heads.push(bytes.toString('latin1'));
        this.written.add(socket);
        attack(socket, this);
      });
    });
  }

  /** Connections that were attacked. */
  readonly written = new Set<Socket>();

  static async start(name: AttackName): Promise<HostileTarget> {
    const target = new HostileTarget(ATTACKS[name]);
    await new Promise<void>((resolve) => target.#server.listen(0, '127.0.0.1', resolve));
    return target;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get open(): number {
    return this.#sockets.size;
  }

  /** Connections that were asked something and are still open; new ones that nobody has used yet do not count. */
  get attacked(): number {
    return [...this.written].filter((socket) => !socket.destroyed).length;
  }

  /** The most that one connection has taken of us, bytes; what waits in our own memory is not taken. */
  get mostTaken(): number {
    return Math.max(0, ...[...this.written].map((socket) => socket.bytesWritten - socket.writableLength));
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
