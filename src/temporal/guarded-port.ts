/** The door before a listener that asks nobody who he is: what a foreign web page sends or could read ends here. */
import { createServer, request as ask, Agent, type IncomingMessage, type ServerResponse } from 'node:http';
import { foreignToLoopback } from '../domain/web-visitor.js';

export interface GuardedPort {
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
const CONNECTIONS_MAX = 256;
/** Of one connection only, so not for the other side (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade']);

/** Serves what listens on `behind`, at `port` of this machine. */
export async function openGuardedPort(port: number, behind: number): Promise<GuardedPort> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });
  const server = createServer((request, response) => {
    const foreign = foreignToLoopback(visitorOf(request));
    if (foreign === null) pass({ request, response, behind, agent });
    else refuse(response, 403, `Refused: ${WHY[foreign]}. Open http://${LOOPBACK}:${port} itself.`);
  });
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen({ port, host: LOOPBACK, exclusive: true }, listening);
  });
  return {
    close: async () => {
      agent.destroy();
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await closed;
    },
  };
}

const WHY = {
  host: 'this is asked for under a name that is not this machine’s',
  origin: 'this was sent by a page of another origin',
  site: 'this was asked for by a page of another site',
} as const;

const visitorOf = ({ method = '', headers }: IncomingMessage): Parameters<typeof foreignToLoopback>[0] => ({
  method,
  host: headers.host,
  origin: headers.origin,
  site: one(headers['sec-fetch-site']),
  mode: one(headers['sec-fetch-mode']),
  dest: one(headers['sec-fetch-dest']),
});

const one = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(', ') : value;

interface Passage {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly behind: number;
  readonly agent: Agent;
}

function pass({ request, response, behind, agent }: Passage): void {
  const { method, url } = request;
  const inner = ask({ host: LOOPBACK, port: behind, method, path: url, agent, headers: kept(request.headers) });
  inner.once('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, kept(answer.headers));
    answer.once('error', () => response.destroy());
    answer.pipe(response);
  });
  inner.once('error', () => {
    if (response.headersSent) response.destroy();
    else refuse(response, 502, 'Temporal does not answer here. It may just be starting; try again.');
  });
  response.once('close', () => inner.destroy());
  request.once('error', () => inner.destroy());
  request.pipe(inner);
}

const kept = (headers: IncomingMessage['headers']): IncomingMessage['headers'] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(`${text}\n`);
}
