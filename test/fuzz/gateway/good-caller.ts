/** Somebody who asks an honest cluster all the while, and must always get exactly his own words: whole and as a stream. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Broken } from '../boundary.js';

const ANSWER_MS_MAX = 20_000;
const PAUSE_MS = 15;

export class HonestCluster {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Says back what the prompt says; a stream in pieces of five characters. */
  static async start(): Promise<HonestCluster> {
    const server = createServer((req, res) => {
      const parts: Buffer[] = [];
      req.on('data', (part: Buffer) => parts.push(part));
      req.on('end', () => {
        const asked = JSON.parse(Buffer.concat(parts).toString()) as {
          stream?: boolean;
          messages: { content: string }[];
        };
        const word = asked.messages[0]?.content ?? '';
        if (asked.stream !== true) {
          const answer = { choices: [{ index: 0, message: { content: word }, finish_reason: 'stop' }] };
          res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
          return;
        }
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const content of word.match(/.{1,5}/g) ?? [])
          res.write(frame({ delta: { content }, finish_reason: null }));
        setImmediate(() => res.end(`${frame({ delta: {}, finish_reason: 'stop' })}data: [DONE]\n\n`));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new HonestCluster(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

const frame = (choice: object): string =>
  `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, ...choice }] })}\n\n`;

export class GoodCaller {
  #over = false;
  #asked = 0;
  #answered = 0;
  #broken: Broken | null = null;
  readonly #running: Promise<void>;

  constructor(url: string) {
    this.#running = this.#ask(url);
  }

  /** @throws Broken when an answer was not right */
  mustBeContent(): void {
    const broken = this.#broken;
    this.#broken = null;
    if (broken !== null) throw broken;
  }

  get answered(): number {
    return this.#answered;
  }

  async leave(): Promise<void> {
    this.#over = true;
    await this.#running;
  }

  async #ask(url: string): Promise<void> {
    while (!this.#over) {
      const stream = this.#asked++ % 2 === 1;
      const word = `good-${this.#asked}-${'abcdefgh'.repeat(6)}`;
      try {
        const heard = await askFor(url, word, stream);
        if (heard === word) this.#answered++;
        else this.#broken ??= new Broken(`an honest caller asked for "${word}" and heard "${heard.slice(0, 500)}"`);
      } catch (error) {
        if (!this.#over) this.#broken ??= new Broken(`an honest caller was not served: ${causesOf(error)}`);
      }
      await sleep(PAUSE_MS);
    }
  }
}

async function askFor(url: string, word: string, stream: boolean): Promise<string> {
  const body = JSON.stringify({ model: 'calm', stream, messages: [{ role: 'user', content: word }] });
  const headers = { 'content-type': 'application/json' };
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body, signal });
  const text = await answer.text();
  if (answer.status !== 200) return `${answer.status} ${text}`;
  if (!stream) return (JSON.parse(text) as Said).choices[0]?.message?.content ?? '';
  const data = text.split('\n\n').flatMap((event) => (event.startsWith('data: ') ? [event.slice(6)] : []));
  if (data.pop() !== '[DONE]') return `a stream without its end: ${text}`;
  return data.map((one) => (JSON.parse(one) as Said).choices[0]?.delta?.content ?? '').join('');
}

interface Said {
  readonly choices: readonly { readonly message?: { content: string }; readonly delta?: { content?: string } }[];
}

function causesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} (${causesOf(error.cause)})`;
}
