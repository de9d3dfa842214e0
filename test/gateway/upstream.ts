/** A real HTTP server in a cluster's place; each test says how it answers. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface UpstreamRequest {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** The caller broke off before the answer was complete. */
  aborted: boolean;
}

export type Behaviour = (request: UpstreamRequest, res: ServerResponse) => void;

export interface Upstream {
  readonly url: string;
  readonly port: number;
  readonly requests: UpstreamRequest[];
  behave(next: Behaviour): void;
  /** Ends every connection and stops listening: from then on connections are refused. */
  crash(): Promise<void>;
}

const SSE = { 'content-type': 'text/event-stream; charset=utf-8' };

export const frame = (value: unknown): string =>
  `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
export const delta = (content: string): object => ({
  id: 'c1',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
});
export const role = {
  id: 'c1',
  choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
};
export const finish = (reason: string, index = 0): object => ({
  id: 'c1',
  choices: [{ index, delta: {}, finish_reason: reason }],
});
export const WHOLE_STREAM =
  frame(role) + frame(delta('héllo ')) + frame(delta('wörld 漢')) + frame(finish('stop')) + frame('[DONE]');

/** Answers with a completion that names who gave it. */
export const answerAs =
  (name: string): Behaviour =>
  (request, res) => {
    if (request.body.includes('"stream":true')) {
      res.writeHead(200, SSE);
      res.end(WHOLE_STREAM);
    } else
      sendJson(res, 200, { from: name, choices: [{ index: 0, message: { content: 'ok' }, finish_reason: 'stop' }] });
  };
export const hang: Behaviour = () => undefined;
export const status =
  (code: number, message = 'no'): Behaviour =>
  (_request, res) =>
    sendJson(res, code, { error: { message, type: 'x', code } });

export const beginStream = (res: ServerResponse, text: string): void => {
  res.writeHead(200, SSE);
  res.write(text);
};

export function sendJson(res: ServerResponse, code: number, value: unknown): void {
  res.writeHead(code, { 'content-type': 'application/json' });
  res.end(JSON.stringify(value));
}

export async function startUpstream(behaviour: Behaviour): Promise<Upstream> {
  let behave = behaviour;
  const requests: UpstreamRequest[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const request: UpstreamRequest = {
        url: req.url ?? '',
        headers: req.headers,
        body: Buffer.concat(chunks).toString(),
        aborted: false,
      };
      requests.push(request);
      res.on('close', () => {
        request.aborted = !res.writableFinished;
      });
      res.on('error', () => undefined);
      behave(request, res);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    behave: (next) => {
      behave = next;
    },
    crash: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}
