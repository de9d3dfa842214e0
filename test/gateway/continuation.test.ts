/** Streams that break after their first token and go on from another cluster: simulated clusters, real processes. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runSimulatedCluster, type SimulatedCluster } from '../../src/simulator/cluster.js';
import { clearFaults, orderFault, type FaultOrder } from '../../src/simulator/control-client.js';
import { expectedAnswer, promptKeyOfChat } from '../../src/simulator/text.js';
import type { ServiceDefinition } from '../../src/domain/traffic.js';
import { serveEntry } from '../kit/compiled.js';
import { eventually } from '../kit/eventually.js';
import { gateway, service, stopAll, type Lab } from './kit.js';
import { openStream, readStream } from './read-stream.js';

const MODEL = 'llama-3.1-70b';
const MAX_TOKENS = 60;
const NAMES = ['a', 'b', 'c'] as const;

let clusters: Record<string, SimulatedCluster>;

beforeAll(async () => {
  const started = await Promise.all(
    NAMES.map(async (name) => await runSimulatedCluster({ name, tokensPerSecond: 100, serveEntry: serveEntry() })),
  );
  clusters = Object.fromEntries(started.map((cluster, i) => [NAMES[i] ?? '', cluster]));
});
afterEach(async () => {
  await stopAll();
  for (const { controlUrl } of Object.values(clusters)) await clearFaults(controlUrl, null);
});
afterAll(async () => {
  await Promise.all(Object.values(clusters).map(async (cluster) => await cluster.close()));
});

const fault = async (name: string, order: FaultOrder): Promise<void> => {
  await orderFault(clusters[name]?.controlUrl ?? '', order);
};

async function lab(
  names: readonly string[] = ['a', 'b'],
  change: Partial<ServiceDefinition> = {},
  settings: Parameters<typeof gateway>[1] = {},
): Promise<Lab> {
  const urls = Object.fromEntries(names.map((name) => [name, clusters[name]?.url ?? '']));
  const home = Object.fromEntries(names.map((name, i) => [name, i === 0 ? 100 : 0]));
  const { members, ...rest } = service(urls, home, change);
  return await gateway([{ ...rest, members: members.map((m) => ({ ...m, model: MODEL })) }], settings);
}

const messages = (content: string): { role: string; content: string }[] => [{ role: 'user', content }];
const question = (content: string, more: object = {}): object => ({
  model: 'chat',
  messages: messages(content),
  max_tokens: MAX_TOKENS,
  stream: true,
  ...more,
});
const right = (content: string, maxTokens = MAX_TOKENS): { text: string; finish: string; tokens: number } => {
  const { tokens, finishReason } = expectedAnswer(promptKeyOfChat(messages(content)), { maxTokens });
  return { text: tokens.join(''), finish: finishReason, tokens: tokens.length };
};

/** One whole answer, as if nothing had happened. */
function expectWhole(seen: Awaited<ReturnType<typeof readStream>>, content: string): void {
  const { text, finish } = right(content);
  expect(seen).toMatchObject({ text, finishReasons: [finish], roles: 1, dones: 1, errors: [] });
  expect(seen.ids).toHaveLength(1);
  expect(seen.createds).toHaveLength(1);
  expect(seen.models).toEqual([MODEL]);
}

describe('a stream that breaks after its first token goes on from another cluster', () => {
  test.each(['reset', 'error-event', 'abort', 'bare-end'] as const)('cut as %s', async (as) => {
    const { url, state } = await lab();
    await fault('a', { kind: 'cut-streams', share: 1, afterTokens: 5, as });
    const seen = await readStream(await openStream(url, question(`cut ${as}`)));
    expectWhole(seen, `cut ${as}`);
    expect(seen.comments).toEqual(['understudy continued=1 from=a to=b']);
    const { callers, clusters: counted } = await state();
    expect(callers).toMatchObject({ total: 1, ok: 1, continued: 1, cut: 0, lost: 0, retried: 0 });
    expect(counted['a']?.counters).toMatchObject({ requests: 1, cut: 1, ok: 0 });
    expect(counted['b']?.counters).toMatchObject({ requests: 1, cut: 0, ok: 1 });
  });

  test('when its cluster is killed', async () => {
    const { url } = await lab();
    const stream = await openStream(url, question('kill'));
    await stream.tokens(5);
    await fault('a', { kind: 'crash' });
    expectWhole(await readStream(stream), 'kill');
  });

  test.each(['decode-stall', 'hang', 'freeze'] as const)('when its cluster falls silent (%s)', async (kind) => {
    const { url, state } = await lab(['a', 'b'], {}, { settings: { idleTimeoutMs: 300 } });
    const stream = await openStream(url, question(kind));
    await stream.tokens(5);
    await fault('a', { kind });
    expectWhole(await readStream(stream), kind);
    expect((await state()).callers).toMatchObject({ ok: 1, continued: 1, cut: 0 });
  });

  test('at once, not at the idle limit, when its silent cluster is drained as lost', async () => {
    const { url, admin } = await lab(['a', 'b'], {}, { settings: { idleTimeoutMs: 20_000 } });
    const stream = await openStream(url, question('drained'));
    await stream.tokens(5);
    await fault('a', { kind: 'hang' });
    const startedAtMs = performance.now();
    await admin('POST', '/drain/chat', { epoch: 1, cluster: 'a', rehome: true });
    expectWhole(await readStream(stream), 'drained');
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
  });

  test('but stays on a drained cluster as long as that speaks', async () => {
    const { url, admin, state } = await lab();
    const stream = await openStream(url, question('speaks'));
    await stream.tokens(5);
    await admin('POST', '/drain/chat', { epoch: 1, cluster: 'a', rehome: true });
    const seen = await readStream(stream);
    expectWhole(seen, 'speaks');
    expect(seen.comments).toEqual([]);
    expect((await state()).callers).toMatchObject({ ok: 1, continued: 0 });
  });

  test('when its cluster is to be emptied, and that cluster is not blamed', async () => {
    const { url, admin, state } = await lab();
    const streams = await Promise.all(['x', 'y', 'z'].map(async (c) => await openStream(url, question(c))));
    for (const stream of streams) await stream.tokens(5);
    await admin('POST', '/drain/chat', { epoch: 1, cluster: 'a', handOver: true });
    await eventually(async () => (await state()).clusters['a']?.inFlight === 0, 1_000);
    for (const [i, content] of ['x', 'y', 'z'].entries()) expectWhole(await readStream(streams[i]!), content);
    const { callers, clusters: counted } = await state();
    expect(callers).toMatchObject({ ok: 3, continued: 3, cut: 0 });
    expect(counted['a']?.counters).toMatchObject({ cut: 0, cluster: 0 });
  });

  test('again and again, and then back to the first cluster', async () => {
    const { url, state } = await lab(['a', 'b']);
    await fault('a', { kind: 'cut-streams', share: 1, afterTokens: 5, as: 'reset' });
    await fault('b', { kind: 'cut-streams', share: 1, afterTokens: 7, as: 'abort' });
    const stream = await openStream(url, question('again'));
    await stream.tokens(14); // 5 of a, 7 of b, and again of a
    await clearFaults(clusters['b']?.controlUrl ?? '', null);
    const seen = await readStream(stream);
    expectWhole(seen, 'again');
    expect(seen.comments).toEqual(['understudy continued=3 from=a to=b,a,b']);
    expect((await state()).callers).toMatchObject({ ok: 1, continued: 1 });
  });

  test('on a third cluster when the second one fails before it speaks', async () => {
    const { url } = await lab(['a', 'b', 'c']);
    await fault('a', { kind: 'cut-streams', share: 1, afterTokens: 5, as: 'reset' });
    await fault('b', { kind: 'errors', share: 1 });
    const seen = await readStream(await openStream(url, question('third')));
    expectWhole(seen, 'third');
    expect(seen.comments).toEqual(['understudy continued=1 from=a to=c']);
  });

  test('as a plain completion too', async () => {
    const { url } = await lab();
    await fault('a', { kind: 'cut-streams', share: 1, afterTokens: 5, as: 'reset' });
    const body = { model: 'chat', prompt: 'Tell me of harbors.', max_tokens: MAX_TOKENS, stream: true };
    const seen = await readStream(await openStream(url, body, '/v1/completions'));
    const { tokens, finishReason } = expectedAnswer(body.prompt, { maxTokens: MAX_TOKENS });
    expect(seen).toMatchObject({ text: tokens.join(''), finishReasons: [finishReason], dones: 1, errors: [] });
  });

  test('no longer than the caller allowed, with a usage that counts all of it', async () => {
    const { url } = await lab();
    await fault('a', { kind: 'cut-streams', share: 1, afterTokens: 5, as: 'reset' });
    const asked = question('usage', { max_tokens: 12, stream_options: { include_usage: true } });
    const seen = await readStream(await openStream(url, asked));
    expect(seen).toMatchObject({ text: right('usage', 12).text, finishReasons: ['length'] });
    expect(seen.usages).toHaveLength(1);
    const [usage] = seen.usages;
    expect(usage?.completion_tokens).toBe(12);
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + 12);
  });

  test('a crowd of them, all at once', async () => {
    const { url, state } = await lab();
    const contents = Array.from({ length: 100 }, (_, i) => `crowd ${i}`);
    const streams = await Promise.all(contents.map(async (c) => await openStream(url, question(c))));
    await Promise.all(streams.slice(0, 50).map(async (stream) => await stream.tokens(2)));
    await fault('a', { kind: 'crash' });
    for (const [i, content] of contents.entries()) expectWhole(await readStream(streams[i]!), content);
    expect((await state()).callers).toMatchObject({ total: 100, ok: 100, cut: 0, lost: 0 });
  });
});
