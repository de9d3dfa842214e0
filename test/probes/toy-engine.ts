/** A real HTTP server that answers like an engine, and misbehaves as told. Loopback, a port of the system's choice. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { probeDefaults } from '../../src/domain/health/probe-defaults.js';
import type { ClusterSpec } from '../../src/domain/fleet.js';

export interface Behaviour {
  health: number | 'hang' | 'endless' | 'reset';
  healthBody: string;
  healthDelayMs: number;
  /** `null`: 404. */
  gpu: string | null;
  memory: string | null;
  metrics: string | null | 'endless';
  model: string;
  /** Refuses a completion with a priority, as vLLM does when it schedules by arrival: at once, or when it streams. */
  refusesPriority: 'status' | 'event' | null;
  /** What it says to any question, instead of repeating. */
  says: string | null;
  generation:
    | 'right'
    | 'garbage'
    | 'other-words'
    | 'hang'
    | 'no-second-token'
    | 'error-event'
    | 'cut'
    | 'abort'
    | 'thinks'
    | number;
}

const WELL: Behaviour = {
  health: 200,
  healthBody: '',
  healthDelayMs: 0,
  gpu: null,
  memory: null,
  metrics: 'vllm:num_requests_running 0\nvllm:num_requests_waiting 0\nvllm:iteration_tokens_total_count 1\n',
  model: 'm',
  refusesPriority: null,
  says: null,
  generation: 'right',
};

export class ToyEngine {
  readonly behaviour: Behaviour = { ...WELL };
  /** Requests by path. */
  readonly asked = new Map<string, number>();
  /** TCP connections that were opened. */
  connections = 0;
  readonly prompts: string[] = [];
  /** `priority` of each completion; `undefined` where the field was not sent. */
  readonly priorities: unknown[] = [];
  /** `Authorization` by path, as it came last. */
  readonly authorized = new Map<string, string | undefined>();
  #server: Server | null = null;
  #port = 0;

  static async start(change: Partial<Behaviour> = {}): Promise<ToyEngine> {
    const engine = new ToyEngine();
    Object.assign(engine.behaviour, change);
    await engine.open();
    return engine;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens, after a `crash` on the same port again. */
  async open(): Promise<void> {
    const server = createServer((req, res) => void this.#answer(req, res).catch(() => res.destroy()));
    server.on('connection', () => (this.connections += 1));
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Every connection breaks, new ones are refused. */
  async crash(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  cluster(change: Partial<ClusterSpec> = {}): ClusterSpec {
    return {
      name: 'eu-a',
      url: this.url,
      region: 'eu',
      engine: 'vllm',
      model: 'm',
      capacity: { concurrency: 64 },
      probes: probeDefaults('vllm'),
      health: { intervalMs: 100, fall: 3, rise: 2, gray: { failures: 5, of: 10 } },
      ...change,
    };
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = req.url ?? '/';
    this.asked.set(path, (this.asked.get(path) ?? 0) + 1);
    this.authorized.set(path, req.headers.authorization);
    if (path === '/health') return await this.#health(res);
    if (path === '/v1/chat/completions') return await this.#complete(req, res);
    if (path === '/metrics' && this.behaviour.metrics === 'endless') return await pourForever(res);
    const page = {
      '/metrics': this.behaviour.metrics,
      '/gpu-status': this.behaviour.gpu,
      '/gpu-memory': this.behaviour.memory,
      '/v1/models': JSON.stringify({ data: [{ id: this.behaviour.model }] }),
    }[path];
    res.writeHead(page === undefined || page === null ? 404 : 200).end(page ?? '');
  }

  async #health(res: ServerResponse): Promise<void> {
    const { health, healthBody, healthDelayMs } = this.behaviour;
    if (health === 'hang') return;
    if (health === 'reset') return void res.socket?.resetAndDestroy();
    if (health === 'endless') return await pourForever(res);
    if (healthDelayMs > 0) await sleep(healthDelayMs);
    res.writeHead(health, health === 302 ? { location: '/elsewhere' } : {}).end(healthBody);
  }

  async #complete(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
      messages: { content: string }[];
      priority?: unknown;
    };
    const prompt = body.messages[0]?.content ?? '';
    this.prompts.push(prompt);
    this.priorities.push(body.priority);
    const { refusesPriority } = this.behaviour;
    if (refusesPriority !== null && body.priority !== undefined) return refusePriority(res, refusesPriority);
    const mode = this.behaviour.generation;
    if (mode === 'hang') return;
    if (typeof mode === 'number') return void res.writeHead(mode).end('{}');
    await streamAnswer(res, mode, this.behaviour.says ?? prompt);
  }
}

function refusePriority(res: ServerResponse, how: 'status' | 'event'): void {
  const error = JSON.stringify({ error: { message: 'Priority scheduling is not enabled.', code: 400 } });
  if (how === 'status') return void res.writeHead(400).end(error);
  res.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${error}\n\ndata: [DONE]\n\n`);
}

async function streamAnswer(
  res: ServerResponse,
  mode: Exclude<Behaviour['generation'], number>,
  prompt: string,
): Promise<void> {
  const say = (body: object): void => void res.write(`data: ${JSON.stringify(body)}\n\n`);
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  say({ choices: [{ delta: { role: 'assistant', content: '' } }] });
  for (const token of tokensFor(mode, prompt)) {
    say({ choices: [{ delta: mode === 'thinks' ? { reasoning_content: token } : { content: token } }] });
    if (mode === 'no-second-token') return;
    await sleep(1);
  }
  if (mode === 'cut') return void res.end();
  const ends: Partial<Record<typeof mode, string>> = { abort: 'abort', thinks: 'length' };
  if (mode === 'error-event') say({ error: { message: 'EngineCore', code: 500 } });
  else say({ choices: [{ delta: {}, finish_reason: ends[mode] ?? 'stop' }] });
  res.end('data: [DONE]\n\n');
}

function tokensFor(mode: Behaviour['generation'], prompt: string): readonly string[] {
  if (mode === 'garbage') return ['\u0e01', ' \ufffd', ' NaN', ' \u5b57'];
  if (mode === 'other-words') return ['I', ' would', ' rather', ' not', ' say', ' that', ' today'];
  return prompt.replace('Repeat exactly: ', '').match(/\s*\S+/g) ?? [];
}

async function pourForever(res: ServerResponse): Promise<void> {
  res.writeHead(200);
  while (!res.destroyed) {
    res.write('x'.repeat(65_536));
    await sleep(1);
  }
}
