/** What the simulator's tests share: asking a cluster as a client would, and waiting for a condition with a deadline. */
import { request } from 'node:http';
import { EventReader } from '../../src/simulator/event-stream.js';

export interface Streamed {
  readonly status: number;
  /** Parsed events, `[DONE]` as that text. */
  readonly events: readonly unknown[];
  readonly text: string;
  readonly finishReason: string | null;
  /** ms from the request to each chunk of text. */
  readonly tokenAtMs: readonly number[];
  /** Code of the socket's error, when the stream broke. */
  readonly broke: string | null;
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string };
    readonly text?: string;
    readonly finish_reason?: string | null;
  }[];
}

/** Sends a streaming completion and reads it to its end, however it ends, or to `msMax`. */
export async function streamed(
  url: string,
  body: Readonly<Record<string, unknown>>,
  path = '/v1/chat/completions',
  msMax = 10_000,
): Promise<Streamed> {
  const events: unknown[] = [];
  const tokenAtMs: number[] = [];
  const reader = new EventReader();
  const startedAt = performance.now();
  let status = 0;
  let text = '';
  let finishReason: string | null = null;
  const broke = await new Promise<string | null>((resolve) => {
    const req = request(
      new URL(path, url),
      { method: 'POST', headers: { 'content-type': 'application/json' }, agent: false },
      (res) => {
        status = res.statusCode ?? 0;
        res.on('data', (chunk: Buffer) => {
          for (const event of reader.push(chunk)) {
            if (event === '[DONE]') {
              events.push(event);
              continue;
            }
            const parsed = JSON.parse(event) as Chunk;
            events.push(parsed);
            const choice = parsed.choices?.[0];
            const said = choice?.delta?.content ?? choice?.text ?? '';
            if (said !== '') tokenAtMs.push(performance.now() - startedAt);
            text += said;
            finishReason = choice?.finish_reason ?? finishReason;
          }
        });
        res.on('end', () => {
          resolve(null);
        });
        res.on('error', (error: NodeJS.ErrnoException) => {
          resolve(error.code ?? error.message);
        });
      },
    );
    req.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
    setTimeout(() => {
      resolve('silent');
      req.destroy();
    }, msMax).unref();
    req.end(JSON.stringify({ stream: true, ...body }));
  });
  return { status, events, text, finishReason, tokenAtMs, broke };
}

/** A JSON answer and its status; `msMax` over is an error named TimeoutError. */
export async function asked(
  url: string,
  path: string,
  body?: unknown,
  msMax = 10_000,
): Promise<{ status: number; json: unknown; text: string }> {
  const init =
    body === undefined
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        };
  const response = await fetch(new URL(path, url), { ...init, signal: AbortSignal.timeout(msMax) });
  const text = await response.text();
  return { status: response.status, json: text.startsWith('{') ? JSON.parse(text) : null, text };
}

/** The value of a line of the metrics page without regard to its labels; NaN when it is not there. */
export async function metric(url: string, name: string): Promise<number> {
  const { text } = await asked(url, '/metrics');
  const line = text.split('\n').find((each) => each.startsWith(`${name}{`));
  return Number(line?.split(' ').at(-1) ?? Number.NaN);
}

export async function eventually(condition: () => boolean | Promise<boolean>, msMax = 30_000): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${String(msMax)} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const question = (content: string): { role: string; content: string }[] => [{ role: 'user', content }];
