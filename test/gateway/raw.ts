/** Bytes on the wire, both ways: a caller that writes what it likes, and a cluster that keeps what really arrives. */
import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * Writes the pieces one after the other, and gives all that came back when the connection is closed: by the gateway,
 * unless this caller leaves.
 */
export async function sendRaw(
  url: string,
  pieces: readonly (string | Buffer)[],
  { leave = 'stay', closedMsMax = 15_000 }: { leave?: 'end' | 'stay' | 'reset'; closedMsMax?: number } = {},
): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.on('error', () => undefined); // a reset is an answer too
  const closed = new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => {
      socket.destroy();
      reject(
        new Error(`still open after ${closedMsMax} ms; it had answered: ${Buffer.concat(parts).toString('latin1')}`),
      );
    }, closedMsMax);
    socket.once('end', () => socket.end());
    socket.once('close', () => {
      clearTimeout(late);
      resolve();
    });
  });
  await new Promise<void>((resolve) => socket.once('connect', resolve).once('close', () => resolve()));
  for (const piece of pieces) {
    await new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve)));
  }
  if (leave === 'end') socket.end();
  else if (leave === 'reset') socket.resetAndDestroy();
  await closed;
  return Buffer.concat(parts).toString('latin1');
}

/** Statuses of the answers in what came back. */
export const statusesOf = (answers: string): number[] =>
  [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));

export interface Arrived {
  readonly head: string;
  readonly body: string;
}

export interface RawCluster {
  readonly url: string;
  readonly arrived: Arrived[];
  /** Bytes that are no request by the book. */
  readonly garbage: string[];
  answer: (request: Arrived) => string;
  stop(): Promise<void>;
}

const ANSWER = JSON.stringify({ choices: [{ index: 0, message: { content: 'ok' }, finish_reason: 'stop' }] });

export const rawAnswer = (body: string, headers = ''): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** Reads requests as strictly as one can: a length, or nothing. */
export async function startRawCluster(): Promise<RawCluster> {
  const sockets = new Set<Socket>();
  const cluster = { arrived: [] as Arrived[], garbage: [] as string[], answer: (): string => rawAnswer(ANSWER) };
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
    let bytes = '';
    socket.on('data', (part: Buffer) => {
      bytes += part.toString('latin1');
      for (let read = readRequest(bytes); read !== null; read = readRequest(bytes)) {
        bytes = read.rest;
        if (read.request === null) cluster.garbage.push(read.garbage);
        else {
          cluster.arrived.push(read.request);
          socket.write((cluster.answer as RawCluster['answer'])(read.request), 'latin1');
        }
      }
    });
    socket.on('close', () => {
      if (bytes !== '') cluster.garbage.push(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(cluster, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
    },
  });
}

type Read =
  | { readonly request: Arrived; readonly rest: string }
  | { readonly request: null; readonly garbage: string; readonly rest: '' };

function readRequest(bytes: string): Read | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = bytes.slice(0, end);
  const lengths = [...head.matchAll(/^content-length: (\d+)$/gim)];
  const whole = /^[A-Z]+ \/\S* HTTP\/1\.1(?:\r\n[!#$%&'*+.^_`|~0-9a-z-]+: [^\r\n\0]*)*$/i.test(head);
  if (!whole || lengths.length > 1 || /^transfer-encoding:/im.test(head)) {
    return { request: null, garbage: bytes, rest: '' };
  }
  const length = Number(lengths[0]?.[1] ?? 0);
  const body = bytes.slice(end + 4, end + 4 + length);
  if (body.length < length) return null;
  return { request: { head, body }, rest: bytes.slice(end + 4 + length) };
}
