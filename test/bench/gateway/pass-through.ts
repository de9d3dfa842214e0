/**
 * What the gateway is measured against: Node's own HTTP server and one undici pool, nothing between them. It knows one
 * cluster, keeps no headers back but those of the connection, and cannot repeat or continue anything.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Pool, type Dispatcher } from 'undici';

const pool = new Pool(process.argv[2] ?? '', { connections: 8_192, headersTimeout: 0, bodyTimeout: 0 });

class Pass implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse;

  constructor(res: ServerResponse) {
    this.#res = res;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#res.once('close', () => controller.abort(new Error('the caller has left')));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    delete headers['transfer-encoding'];
    delete headers['connection'];
    this.#res.writeHead(status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#res.write(chunk)) return;
    controller.pause();
    this.#res.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.#res.end();
  }

  onResponseError(): void {
    this.#res.destroy();
  }
}

function pass(req: IncomingMessage, res: ServerResponse): void {
  const headers = { ...req.headers };
  delete headers.host;
  delete headers.connection;
  delete headers['content-length'];
  const method = (req.method ?? 'GET') as Dispatcher.HttpMethod;
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  // Sent on in one piece: for bodies as small as a chat's that is cheaper than a stream into a stream.
  req.on('end', () => {
    pool.dispatch({ method, path: req.url ?? '/', headers, body: Buffer.concat(chunks) }, new Pass(res));
  });
}

const server = createServer({ noDelay: true, keepAliveTimeout: 65_000 }, pass);
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  console.log(JSON.stringify({ event: 'ready', port: address.port }));
});
