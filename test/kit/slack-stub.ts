/**
 * The parts of Slack that an emulator does not play: limits, failures, and answers that are lost after the message was
 * posted. Real HTTP on the loopback; faults are taken from a queue, one a call.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export type SlackFault =
  | { readonly kind: 'rate-limited'; readonly retryAfterS: number }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'refused'; readonly error: string }
  /** The call takes effect, then the socket is dropped. */
  | { readonly kind: 'answer-lost' }
  /** The call takes no effect, and its answer is compressed and damaged: whoever reads it waits for ever. */
  | { readonly kind: 'garbled' }
  /** The call takes no effect and no answer comes. */
  | { readonly kind: 'silence' };

export interface StubMessage {
  readonly ts: string;
  readonly thread_ts: string | undefined;
  text: string;
  blocks: unknown;
  metadata: { readonly event_payload?: { readonly key?: string } } | undefined;
  readonly client_msg_id: string | undefined;
  readonly reply_broadcast: boolean;
  edits: number;
}

export interface StubCall {
  readonly method: string;
  readonly args: Readonly<Record<string, string>>;
  readonly atMs: number;
}

const CHANNEL = { id: 'C0ONCALL01', name: 'llm-oncall' };
const BODY_BYTES_MAX = 256 * 1024;

export class SlackStub {
  readonly calls: StubCall[] = [];
  messages: StubMessage[] = [];
  /** While set, every call answers 503. */
  down = false;
  private readonly faults: { readonly method: string; readonly fault: SlackFault }[] = [];
  private posted = 0;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<SlackStub> {
    const server = createServer();
    const stub = new SlackStub(server);
    server.on('request', (request, response) => void stub.serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return stub;
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/api/`;
  }

  get roots(): StubMessage[] {
    return this.messages.filter((message) => message.thread_ts === undefined);
  }

  get thread(): StubMessage[] {
    return this.messages.filter((message) => message.thread_ts !== undefined);
  }

  count(method: string): number {
    return this.calls.filter((call) => call.method === method).length;
  }

  /** The next call of this method meets this fault; several queue up. */
  breakNext(method: string, fault: SlackFault): void {
    this.faults.push({ method, fault });
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = (request.url ?? '').replace('/api/', '');
    const args = Object.fromEntries(new URLSearchParams(await bodyOf(request)));
    this.calls.push({ method, args, atMs: Date.now() });
    if (this.down) return void response.writeHead(503).end();
    const index = this.faults.findIndex((entry) => entry.method === method);
    const fault = index < 0 ? undefined : this.faults.splice(index, 1)[0]?.fault;
    switch (fault?.kind) {
      case 'silence':
        return;
      case 'rate-limited':
        return void response.writeHead(429, { 'retry-after': String(fault.retryAfterS) }).end();
      case 'status':
        return void response.writeHead(fault.status).end('<html>not Slack</html>');
      case 'refused':
        return answer(response, { ok: false, error: fault.error });
      case 'garbled':
        return answerGarbled(response);
      case 'answer-lost':
        this.carryOut(method, args);
        return void request.socket.destroy();
      case undefined:
        return answer(response, this.carryOut(method, args));
    }
  }

  private carryOut(method: string, args: Readonly<Record<string, string>>): Record<string, unknown> {
    switch (method) {
      case 'chat.postMessage':
        return this.post(args);
      case 'chat.update':
        return this.update(args);
      case 'conversations.list':
        return { ok: true, channels: [CHANNEL] };
      case 'conversations.history':
        return { ok: true, messages: this.shown(args, this.roots).reverse() };
      case 'conversations.replies':
        return this.replies(args);
      default:
        return { ok: false, error: 'unknown_method' };
    }
  }

  private post(args: Readonly<Record<string, string>>): Record<string, unknown> {
    if (args['channel'] !== CHANNEL.id && args['channel'] !== CHANNEL.name)
      return { ok: false, error: 'channel_not_found' };
    const root = args['thread_ts'];
    if (root !== undefined && !this.messages.some((message) => message.ts === root)) {
      return { ok: false, error: 'thread_not_found' };
    }
    this.posted += 1;
    const ts = `${Math.floor(Date.now() / 1_000)}.${String(this.posted).padStart(6, '0')}`;
    this.messages.push({
      ts,
      thread_ts: root,
      text: args['text'] ?? '',
      blocks: parsed(args['blocks']),
      metadata: parsed(args['metadata']) as StubMessage['metadata'],
      client_msg_id: args['client_msg_id'],
      reply_broadcast: args['reply_broadcast'] === 'true',
      edits: 0,
    });
    return { ok: true, ts, channel: CHANNEL.id };
  }

  private update(args: Readonly<Record<string, string>>): Record<string, unknown> {
    const message = this.messages.find((candidate) => candidate.ts === args['ts']);
    if (message === undefined || args['channel'] !== CHANNEL.id) return { ok: false, error: 'message_not_found' };
    message.text = args['text'] ?? '';
    message.blocks = parsed(args['blocks']);
    message.metadata = parsed(args['metadata']) as StubMessage['metadata'];
    message.edits += 1;
    return { ok: true, ts: message.ts, channel: CHANNEL.id };
  }

  private replies(args: Readonly<Record<string, string>>): Record<string, unknown> {
    const root = this.messages.find((message) => message.ts === args['ts']);
    if (root === undefined) return { ok: false, error: 'thread_not_found' };
    return { ok: true, messages: this.shown(args, [root, ...this.thread.filter((m) => m.thread_ts === root.ts)]) };
  }

  /** Like Slack: only what is newer than `oldest`, and metadata only for those who ask for it. */
  private shown(args: Readonly<Record<string, string>>, messages: readonly StubMessage[]): Partial<StubMessage>[] {
    return messages
      .filter((message) => args['oldest'] === undefined || Number(message.ts) >= Number(args['oldest']))
      .map(({ metadata, ...rest }) => (args['include_all_metadata'] === 'true' ? { ...rest, metadata } : rest));
  }
}

/** Compressed twice by its head and once in truth, of no length: `fetch` waits for the end of its text for ever. */
export function answerGarbled({ socket }: ServerResponse): void {
  socket?.write('HTTP/1.1 499 Odd\r\ncontent-encoding: gzip, gzip\r\n\r\n');
  socket?.end(gzipSync(Buffer.from('{"ok":true}')));
}

function answer(response: ServerResponse, body: Record<string, unknown>): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function parsed(text: string | undefined): unknown {
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) {
    body += String(chunk);
    if (body.length > BODY_BYTES_MAX) throw new Error('body too large');
  }
  return body;
}
