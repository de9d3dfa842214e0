/** Both ends of connections to a cluster: a server that only does what a test says, and what whoever asks hears. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Connections, type ConnectionsOptions } from '../../../src/gateway/upstream/connections.js';
import type { Answering } from '../../../src/gateway/upstream/asking.js';
import type { UpstreamRequest } from '../../../src/gateway/upstream/request-head.js';
import { eventually } from '../../kit/eventually.js';
import { atEnd } from '../kit.js';

/** One connection as the server sees it. */
export class Wire {
  got = '';
  closed = false;
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => (this.got += bytes.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => (this.closed = true));
  }

  say(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** How many requests without a body have come. */
  get requests(): number {
    return this.got.split('\r\n\r\n').length - 1;
  }
}

export interface RawServer {
  readonly port: number;
  readonly origin: string;
  readonly wires: Wire[];
  /** The n-th connection, as soon as so many requests have come over it. */
  wire(n: number, requests?: number): Promise<Wire>;
}

/** `server`: made of `createServer` of `net` or `tls`, not listening yet. */
export async function rawServer(server: Server = createServer(), event = 'connection'): Promise<RawServer> {
  const wires: Wire[] = [];
  server.on(event, (socket: Socket) => wires.push(new Wire(socket)));
  server.listen(0);
  await once(server, 'listening');
  atEnd(() => {
    server.close();
    for (const { socket } of wires) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    wires,
    wire: async (n, requests = 1) => {
      await eventually(() => (wires[n]?.requests ?? -1) >= requests);
      return wires[n] as Wire;
    },
  };
}

export function connectionsTo(origin: string, options: Partial<ConnectionsOptions> = {}): Connections {
  const connections = new Connections(origin, { connectTimeoutMs: 20_000, connectionsMax: 100, ...options });
  atEnd(() => connections.destroy());
  return connections;
}

/** What one request's answer was. */
export class Ear {
  status = 0;
  body = '';
  /** `end`, or the code of an error; in the order in which they were told, of which there must be one. */
  readonly ends: string[] = [];
  onSomething: ((what: 'head' | 'body' | 'end') => void) | null = null;

  onHead(status: number): void {
    this.status = status;
    this.onSomething?.('head');
  }

  onBody(piece: Buffer): void {
    this.body += piece.toString('latin1');
    this.onSomething?.('body');
  }

  onEnd(): void {
    this.ends.push('end');
    this.onSomething?.('end');
  }

  onError(error: Error): void {
    this.ends.push(String((error as NodeJS.ErrnoException).code));
  }

  onFault(): void {
    this.ends.push('fault');
  }

  async end(): Promise<string> {
    await eventually(() => this.ends.length > 0);
    return this.ends.join();
  }
}

export const GET: UpstreamRequest = { method: 'GET', path: '/', headers: [], body: null };

export function ask(connections: Connections, request: Partial<UpstreamRequest> = {}): Ear & { answering: Answering } {
  const ear = new Ear();
  return Object.assign(ear, { answering: connections.ask({ ...GET, ...request }, ear) });
}

export const answered = (body: string, headers = ''): string =>
  `HTTP/1.1 200 OK\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;
