/**
 * The cluster of bench:gateway, as a process of its own: raw sockets and ready-made bytes, so that it is never the
 * bottleneck. Prints `{"event":"ready","port":…}`.
 *
 * A request is answered at once, in one piece. With `"stream":true` it gets one token every `TOKEN_EVERY_MS`, each saying
 * when it was sent (monotonic clock of the machine, ns); with more than `HELD_FROM_TOKENS` of them, one a second until
 * the caller leaves.
 */
import { createServer, type Socket } from 'node:net';

const TOKEN_EVERY_MS = 20;
const HELD_FROM_TOKENS = 1_000;
const HELD_EVERY_MS = 1_000;
/** Held streams do not all speak at the same moment. */
const HELD_SLOTS = 20;

const ID = '"id":"chatcmpl-bench","created":1780000000,"model":"bench-model"';
const ANSWER = Buffer.from(
  `{${ID},"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"${'ferry '.repeat(60)}"},` +
    '"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":200,"completion_tokens":60,"total_tokens":260}}',
);
const WHOLE = Buffer.concat([
  Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${ANSWER.length}\r\n\r\n`),
  ANSWER,
]);
const STREAM_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
const LAST = `${frame('{}', '"stop"')}${chunk('data: [DONE]\n\n')}0\r\n\r\n`;

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

function frame(delta: string, reason = 'null'): string {
  return chunk(
    `data: {${ID},"object":"chat.completion.chunk","choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${reason}}]}\n\n`,
  );
}

const token = (): string => frame(`{"content":"${process.hrtime.bigint()} "}`);

const held: Set<Socket>[] = Array.from({ length: HELD_SLOTS }, () => new Set());
let nextSlot = 0;
setInterval(() => {
  nextSlot = (nextSlot + 1) % HELD_SLOTS;
  for (const socket of held[nextSlot] ?? []) socket.write(token());
}, HELD_EVERY_MS / HELD_SLOTS);

function speak(socket: Socket, tokens: number): void {
  socket.write(STREAM_HEAD + frame('{"role":"assistant","content":""}'));
  socket.write(token());
  let left = tokens - 1;
  const timer = setInterval(() => {
    if (left-- > 0) socket.write(token());
    else {
      clearInterval(timer);
      socket.write(LAST);
    }
  }, TOKEN_EVERY_MS);
  socket.once('close', () => clearInterval(timer));
}

function hold(socket: Socket): void {
  socket.write(STREAM_HEAD + frame('{"role":"assistant","content":""}') + token());
  const slot = held[Math.floor(Math.random() * HELD_SLOTS)];
  slot?.add(socket);
  socket.once('close', () => slot?.delete(socket));
}

function answer(socket: Socket, body: string): void {
  if (!/"stream":\s*true/.test(body)) socket.write(WHOLE);
  else {
    const tokens = Number(/"max_tokens":\s*(\d+)/.exec(body)?.[1] ?? 16);
    if (tokens > HELD_FROM_TOKENS) hold(socket);
    else speak(socket, tokens);
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  let pending = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    pending += bytes.toString('latin1');
    const headEnd = pending.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(pending.slice(0, headEnd))?.[1] ?? 0);
    if (pending.length < headEnd + 4 + length) return;
    const body = pending.slice(headEnd + 4);
    pending = '';
    answer(socket, body);
  });
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  console.log(JSON.stringify({ event: 'ready', port: address.port }));
});
