/** HTTP servers as both ports of the gateway want them: bounded in time and size, and ended within a grace. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { CodedError } from '../domain/errors.js';
import type { ServerTls } from '../domain/admin-tls.js';
import { tlsOptions } from './admin/admin-door.js';
import { WatchedResponse } from './watched-response.js';

/** A caller must have sent its headers (with TLS: have shown who it is before), and then all of its request, within these, ms. */
const HEADERS_MS_MAX = 10_000;
const REQUEST_MS_MAX = 120_000;
/** How long an idle caller keeps its connection, ms; longer than load balancers in front (60 s), which hate surprises. */
const CALLER_IDLE_MS = 65_000;
const HEADER_BYTES_MAX = 32 * 1024;
/** What callers have to read the last words of a server that ends, ms. */
const LAST_WORDS_MS = 500;
/** How soon a closing server ends a connection that has become idle, ms. */
const CLOSE_IDLE_MS = 100;

const LIMITS = {
  headersTimeout: HEADERS_MS_MAX,
  requestTimeout: REQUEST_MS_MAX,
  keepAliveTimeout: CALLER_IDLE_MS,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: HEADER_BYTES_MAX,
  noDelay: true,
  ServerResponse: WatchedResponse,
};

type Request = typeof IncomingMessage;
type Response = typeof WatchedResponse;
export type Listener = RequestListener<Request, Response>;
type HttpServer = Server<Request, Response> | TlsServer<Request, Response>;

export function httpServer(listener: Listener, tls?: ServerTls): HttpServer {
  const server =
    tls === undefined
      ? createServer<Request, Response>(LIMITS, listener)
      : createTlsServer<Request, Response>(
          { ...tlsOptions(tls), ...LIMITS, handshakeTimeout: HEADERS_MS_MAX },
          listener,
        );
  return server.on('clientError', refuseConnection).on('checkExpectation', refuseExpectation);
}

/** Node answers `Expect: 100-continue`; there is nothing else to be expected. What would follow is not waited for. */
function refuseExpectation(_req: IncomingMessage, res: ServerResponse): void {
  const message = 'nothing but 100-continue can be expected here; nothing was done';
  const body = JSON.stringify({ error: { message, type: 'invalid_request_error', code: 'bad-input' } });
  res.writeHead(417, { connection: 'close', 'content-type': 'application/json' }).end(body);
}

const REFUSALS: Readonly<Record<string, readonly [string, string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request did not come in time'],
};

/** What Node's parser refuses never becomes a request; the caller gets the usual shape all the same. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, message] = REFUSALS[error.code ?? ''] ?? ['400 Bad Request', 'this is not HTTP'];
  const body = JSON.stringify({ error: { message, type: 'invalid_request_error', code: 'bad-input' } });
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** @throws CodedError `port-taken`; other system errors of the address */
export async function listen(server: HttpServer, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      const taken = `port ${port} of ${host} is in use`;
      reject(error.code === 'EADDRINUSE' ? new CodedError('port-taken', taken, { cause: error }) : error);
    };
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

/** Takes no more connections. Requests that run have `graceMs`; then `lastWords` may tell them why they end. */
export async function stop(server: HttpServer, graceMs: number, lastWords?: () => void): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      lastWords?.();
      timer = setTimeout(() => server.closeAllConnections(), lastWords === undefined ? 0 : LAST_WORDS_MS);
    };
    let timer = setTimeout(end, graceMs);
    // A connection whose last answer ends after this would stay, idle, for as long as its caller likes.
    const idle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_MS);
    server.close(() => {
      clearTimeout(timer);
      clearInterval(idle);
      resolve();
    });
    server.closeIdleConnections();
  });
}

export function urlOf(server: HttpServer, host: string, tls?: ServerTls): string {
  const { port } = server.address() as AddressInfo;
  return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
