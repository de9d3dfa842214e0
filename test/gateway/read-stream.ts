/** A caller that reads a stream of choices by the book: bytes to lines to events, and keeps count of what must be once. */
import { expect } from 'vitest';

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

interface Chunk {
  readonly id?: string;
  readonly created?: number;
  readonly model?: string;
  readonly error?: { readonly code?: string; readonly reason?: string; readonly message?: string };
  readonly usage?: Usage | null;
  readonly choices?: readonly {
    readonly delta?: { readonly role?: string; readonly content?: string | null };
    readonly text?: string;
    readonly finish_reason?: string | null;
  }[];
}

export class StreamSeen {
  text = '';
  frames = 0;
  roles = 0;
  dones = 0;
  readonly finishReasons: string[] = [];
  readonly ids: string[] = [];
  readonly createds: number[] = [];
  readonly models: string[] = [];
  readonly usages: Usage[] = [];
  readonly errors: NonNullable<Chunk['error']>[] = [];
  readonly comments: string[] = [];
  #rest = '';
  #field = '';
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });

  push(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split(/\r?\n/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith(':')) this.comments.push(line.slice(1).trim());
      else if (line.startsWith('data:')) this.#field += line.slice(5).trimStart();
      else if (line === '' && this.#field !== '') this.#event();
    }
  }

  #event(): void {
    const data = this.#field;
    this.#field = '';
    if (data === '[DONE]') {
      this.dones++;
      return;
    }
    expect(this.dones).toBe(0); // nothing after the end
    this.frames++;
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error !== undefined) this.errors.push(chunk.error);
    else this.#identity(chunk);
    if (chunk.usage) this.usages.push(chunk.usage);
    for (const choice of chunk.choices ?? []) {
      this.text += choice.delta?.content ?? choice.text ?? '';
      if (choice.delta?.role !== undefined) this.roles++;
      if (typeof choice.finish_reason === 'string') this.finishReasons.push(choice.finish_reason);
    }
  }

  #identity({ id, created, model }: Chunk): void {
    if (id !== undefined && !this.ids.includes(id)) this.ids.push(id);
    if (created !== undefined && !this.createds.includes(created)) this.createds.push(created);
    if (model !== undefined && !this.models.includes(model)) this.models.push(model);
  }
}

export interface OpenedStream {
  readonly seen: StreamSeen;
  /** Reads until so many frames after the first have come. */
  tokens(count: number): Promise<void>;
  rest(): Promise<void>;
}

export async function openStream(url: string, body: object, path = '/v1/chat/completions'): Promise<OpenedStream> {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  const reader = answer.body!.getReader();
  const seen = new StreamSeen();
  const readUntil = async (enough: () => boolean): Promise<void> => {
    while (!enough()) {
      const part = await reader.read();
      if (part.done) return;
      seen.push(part.value);
    }
  };
  return {
    seen,
    tokens: async (count) => await readUntil(() => seen.frames > count),
    rest: async () => await readUntil(() => false),
  };
}

export async function readStream(stream: OpenedStream): Promise<StreamSeen> {
  await stream.rest();
  return stream.seen;
}
