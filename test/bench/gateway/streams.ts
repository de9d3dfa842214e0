/** Callers of streams on raw sockets: how late each token is, and thousands of streams at once that stay open. */
import { connect, type Socket } from 'node:net';
import { eventually } from '../../kit/eventually.js';
import { CHAT } from './wrk.js';

/** The upstream writes when it sent a token, on the machine's monotonic clock. */
const SENT_AT = /"content":"(\d+) "/g;

export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

function askFor({ url, headers }: Target, tokens: number): Socket {
  const { hostname, port, pathname } = new URL(url);
  const body = CHAT.replace('"max_tokens":60', `"max_tokens":${tokens},"stream":true`);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  socket.on('error', () => socket.destroy());
  const all = { host: hostname, 'content-type': 'application/json', 'content-length': body.length, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  return socket;
}

export interface Pace {
  readonly firstTokenUs: readonly number[];
  /** From the upstream's socket to the caller's, of each token but the first. */
  readonly latenessUs: readonly number[];
}

/** One stream, to its end. */
export async function pace({ tokens, ...target }: Target & { readonly tokens: number }): Promise<Pace> {
  const firstTokenUs: number[] = [];
  const latenessUs: number[] = [];
  const begun = process.hrtime.bigint();
  await new Promise<void>((resolve) => {
    const socket = askFor(target, tokens);
    socket.on('data', (chunk) => {
      const now = process.hrtime.bigint();
      const text = chunk.toString('latin1');
      for (const [, sent = '0'] of text.matchAll(SENT_AT)) {
        if (firstTokenUs.length === 0) firstTokenUs.push(Number(now - begun) / 1_000);
        else latenessUs.push(Number(now - BigInt(sent)) / 1_000);
      }
      if (text.includes('[DONE]')) socket.destroy();
    });
    socket.once('close', () => resolve());
  });
  const seen = firstTokenUs.length + latenessUs.length;
  if (seen < tokens) throw new Error(`a stream of ${tokens} tokens ended after ${seen}`);
  return { firstTokenUs, latenessUs };
}

export interface OpenStreams {
  readonly open: number;
  close(): void;
}

/** Opened so many at a time: a backlog is no part of the question. */
const AT_ONCE = 100;
const OPEN_MS_MAX = 60_000;
/** Above it the upstream holds a stream open, with one token a second. */
const TOKENS_HELD = 10_000;

/** Opens streams and resolves when each has had its first token. */
export async function openStreams(target: Target, count: number): Promise<OpenStreams> {
  const sockets: Socket[] = [];
  let speaking = 0;
  let lost = 0;
  while (sockets.length < count) {
    for (let i = 0; i < AT_ONCE && sockets.length < count; i += 1) {
      const socket = askFor(target, TOKENS_HELD);
      let spoke = false;
      socket.on('data', (chunk) => {
        if (spoke || !/"content":"\d/.test(chunk.toString('latin1'))) return;
        spoke = true;
        speaking += 1;
      });
      socket.once('close', () => (lost += 1));
      sockets.push(socket);
    }
    await eventually(() => speaking + lost >= sockets.length, OPEN_MS_MAX);
    if (lost > 0) throw new Error(`${lost} of ${sockets.length} streams were lost while they were opened`);
  }
  return {
    open: speaking,
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
