/**
 * Two real vLLM whose model speaks in pairs of letters and in parts of characters: by text a broken answer goes on
 * otherwise nearly always, by token ids it is the uninterrupted one. Run by `npm run test:engines`.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gateway, service, stopAll, type Lab } from '../gateway/kit.js';
import { openStream, readStream, type OpenedStream, type StreamSeen } from '../gateway/read-stream.js';
import { MODEL, RealEngine, signal, vllmOfPairs } from './engine.js';

const TOKENS = 160;
const PARTS = ['é', '漢'];

const engines: RealEngine[] = [];
let lab: Lab;

beforeAll(async () => {
  engines.push(await RealEngine.start(vllmOfPairs), await RealEngine.start(vllmOfPairs));
  await Promise.all(engines.map(async (engine) => await engine.ready()));
  const [a, b] = engines;
  const { members, ...rest } = service({ a: a?.url ?? '', b: b?.url ?? '' }, { a: 100, b: 0 });
  const own = members.map((m) => ({ ...m, model: MODEL }));
  lab = await gateway([{ ...rest, members: own, continueBy: 'token-ids' }]);
});
afterAll(async () => {
  await stopAll();
  for (const engine of engines) engine.kill();
});

/** Half-said characters are as likely as all else. */
let bias: Readonly<Record<string, number>> = {};
const question = (content: string): object => ({
  model: MODEL,
  messages: [{ role: 'user', content }],
  max_tokens: TOKENS,
  temperature: 0,
  logit_bias: bias,
  stream: true,
  stream_options: { include_usage: true },
});

beforeAll(async () => {
  const answer = await fetch(`${engines[0]?.url ?? ''}/tokenize`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, prompt: PARTS.join(''), add_special_tokens: false }),
  });
  const { tokens } = (await answer.json()) as { tokens: readonly number[] };
  bias = Object.fromEntries(tokens.map((token) => [String(token), 3]));
});

const uninterrupted = async (content: string): Promise<StreamSeen> =>
  await readStream(await openStream(engines[1]?.url ?? '', question(content)));

function expectSame(seen: StreamSeen, right: StreamSeen, way: string): void {
  expect(seen).toMatchObject({ text: right.text, finishReasons: ['length'], dones: 1, roles: 1, errors: [] });
  expect(seen.usages.map((usage) => usage.completion_tokens)).toEqual([TOKENS]);
  expect(seen.usages.map((usage) => usage.prompt_tokens)).toEqual(right.usages.map((usage) => usage.prompt_tokens));
  expect(seen.comments).toEqual([`understudy continued=1 ${way}`]);
}

test('handed over at many places, and then killed, they say what they would have said', async () => {
  const contents = Array.from({ length: 8 }, (_, i) => `Tell me of harbors ${'.'.repeat(i)}`);
  const right: StreamSeen[] = [];
  for (const content of contents) right.push(await uninterrupted(content));
  expect(right.filter(({ text }) => text.includes('\ufffd')).length).toBeGreaterThan(4);

  const streams: OpenedStream[] = [];
  for (const content of contents) {
    const stream = await openStream(lab.url, question(content));
    await stream.tokens(10);
    streams.push(stream);
  }
  await lab.admin('POST', '/drain/chat', { epoch: 1, cluster: 'a', handOver: true });
  for (const [i, stream] of streams.entries()) expectSame(await readStream(stream), right[i]!, 'from=a to=b');

  const killed = await openStream(lab.url, question(contents[0] ?? ''));
  await lab.admin('POST', '/undrain/chat', { epoch: 2, cluster: 'a' });
  await killed.tokens(40);
  signal(engines[1]!.pidOf('EngineCore'), 'SIGKILL');
  expectSame(await readStream(killed), right[0]!, 'from=b to=a');
});
