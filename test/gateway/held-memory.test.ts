/** What many callers together send, and what clusters answer them, takes a bounded part of the memory. */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { heldBytesDefault } from '../../src/gateway/held-memory.js';
import { eventually } from '../kit/eventually.js';
import { retainedBytes } from '../kit/retained-bytes.js';
import { gatewayProcess } from './gateway-process.js';
import { atEnd, gateway, service, stopAll, upstream, type Lab } from './kit.js';
import { sendRaw } from './raw.js';
import { answerAs, beginStream, delta, finish, frame, role, sendJson, type Behaviour } from './upstream.js';

afterEach(stopAll);

const MIB = 1024 * 1024;
const FULL = { code: 'memory-full', type: 'unavailable' };
const body = (bytes: number): object => ({ messages: [{ role: 'user', content: 'x'.repeat(bytes) }] });

/** A cluster whose answers wait until they are let go. */
function holding(): { readonly behaviour: Behaviour; readonly waiting: (() => void)[] } {
  const waiting: (() => void)[] = [];
  return { waiting, behaviour: (request, res) => void waiting.push(() => answerAs('a')(request, res)) };
}

const heldIn = async ({ adminUrl }: Pick<Lab, 'adminUrl'>): Promise<number> => {
  const page = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(/^understudy_held_bytes(?:\{[^}]*\})? (\S+)$/m.exec(page)?.[1]);
};

describe('requests beyond the memory that there is for them', () => {
  test('are refused in the shape of their API, until others are through; small ones, health and admin go on', async () => {
    const { behaviour, waiting } = holding();
    const a = await upstream(behaviour);
    const lab = await gateway([service({ a: a.url }, { a: 100 })], {
      settings: { heldBytesMax: 4 * MIB, bodyBytesMax: MIB },
    });
    const served = Array.from({ length: 4 }, async () => (await lab.chat(body(0.9 * MIB))).status);
    await eventually(() => waiting.length === 4, 5_000);
    for (const path of ['/v1/chat/completions', '/v1/embeddings', '/v1/responses']) {
      const refused = await lab.chat(body(0.9 * MIB), { path });
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await refused.json()).toMatchObject({ error: FULL });
    }
    const small = lab.chat();
    await eventually(() => waiting.length === 5, 5_000);
    expect((await fetch(`${lab.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${lab.url}/v1/models`)).status).toBe(200);
    expect((await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 100 } })).status).toBe(200);
    expect(await heldIn(lab)).toBeGreaterThan(3.5 * MIB);
    for (const answer of waiting.splice(0)) answer();
    expect([...(await Promise.all(served)), (await small).status]).toEqual([200, 200, 200, 200, 200]);
    await eventually(async () => (await heldIn(lab)) === 0, 5_000);
    const after = lab.chat(body(0.9 * MIB));
    await eventually(() => waiting.length === 1, 5_000);
    waiting[0]?.();
    expect((await after).status).toBe(200);
  });

  test('of one key leave room for another one', async () => {
    const { behaviour, waiting } = holding();
    const a = await upstream(behaviour);
    const key = (name: string): object => ({ name, sha256: createHash('sha256').update(name).digest('hex'), services: null, limits: { requestsPerMinute: null, tokensPerMinute: null, concurrent: null }, priorityMax: 'high' }); // prettier-ignore
    const settings = { heldBytesMax: 8 * MIB, bodyBytesMax: MIB, keys: [key('flood'), key('other')] as never };
    const lab = await gateway([service({ a: a.url }, { a: 100 })], { settings });
    const ask = async (name: string): Promise<number> =>
      (await lab.chat(body(0.9 * MIB), { headers: { authorization: `Bearer ${name}` } })).status;
    const flood = Array.from({ length: 12 }, async () => await ask('flood'));
    await eventually(() => waiting.length === 4, 5_000);
    const other = [ask('other'), ask('other')];
    await eventually(() => waiting.length === 6, 5_000);
    for (const answer of waiting.splice(0)) answer();
    expect(await Promise.all(other)).toEqual([200, 200]);
    expect((await Promise.all(flood)).toSorted()).toEqual([...Array(4).fill(200), ...Array(8).fill(503)]);
  });
});

test('an answer for which there is no memory passes as it comes', async () => {
  const large = 'y'.repeat(2 * MIB);
  const whole = await upstream((_request, res) => sendJson(res, 200, { choices: [{ index: 0, message: { content: large }, finish_reason: 'stop' }] })); // prettier-ignore
  const lab = await gateway([service({ a: whole.url }, { a: 100 })], { settings: { heldBytesMax: MIB } });
  const answer = (await (await lab.chat()).json()) as { choices: { message: { content: string } }[] };
  expect(answer.choices[0]?.message.content === large).toBe(true);
  const held = frame(role) + `: ${'z'.repeat(800_000)}\n\n`;
  whole.behave((_request, res) => {
    beginStream(res, held.repeat(2));
    res.end(frame(delta('said')) + frame(finish('stop')) + frame('[DONE]'));
  });
  expect(await (await lab.chat({ stream: true })).text()).toContain('said');
  await eventually(async () => (await heldIn(lab)) === 0, 5_000);
});

test('a real process stays within it, whatever many callers send at once', async () => {
  const { behaviour } = holding();
  const a = await upstream(behaviour);
  const limits = { heldBytesMax: 16 * MIB };
  const running = await gatewayProcess({ members: { a: a.url }, gateway: limits });
  const resident = async (): Promise<number> => residentIn(await (await fetch(`${running.adminUrl}/metrics`)).text());
  const before = await resident();
  const sent = Buffer.from(JSON.stringify({ model: 'chat', ...body(4 * MIB) }));
  const [statuses, leaving]: [number[], AbortController] = [[], new AbortController()];
  atEnd(() => leaving.abort());
  for (let i = 0; i < 40; i += 1) {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: sent,
      signal: leaving.signal,
    };
    void fetch(`${running.url}/v1/chat/completions`, init).then(
      ({ status }) => statuses.push(status),
      () => null,
    );
  }
  await eventually(() => statuses.length >= 37, 30_000);
  expect(new Set(statuses)).toEqual(new Set([503]));
  expect((await resident()) - before).toBeLessThan(120 * MIB); // 160 MiB came
  expect((await fetch(`${running.url}/healthz`)).status).toBe(200);
  await eventually(() => a.requests.length > 0, 10_000); // some were served
});

const residentIn = (page: string): number => Number(/^process_resident_memory_bytes (\S+)$/m.exec(page)?.[1]);

test('what nobody set is a quarter of the memory, shared by the workers, and has room for two bodies', () => {
  expect(heldBytesDefault(1_000, 1)).toBeGreaterThan(16 * MIB);
  expect(heldBytesDefault(1_000, 1)).toBeLessThanOrEqual(2 * 1024 * MIB);
  expect(heldBytesDefault(1_000, 64)).toBeLessThan(heldBytesDefault(1_000, 1) + 1);
  expect(heldBytesDefault(8 * 1024 * MIB, 1)).toBe(16 * 1024 * MIB);
});

test('a turn of a conversation that waits for its answer is kept as its text, not as what that was parsed to', async () => {
  const { behaviour, waiting } = holding();
  const a = await upstream(behaviour);
  const conversations = { store: 'disk', ttlMs: 60_000, bytesMax: 16 * MIB, redisUrlEnv: 'X' } as const;
  const lab = await gateway([service({ a: a.url }, { a: 100 })], {
    settings: { bodyBytesMax: 2 * MIB, conversations },
  });
  const many = `{"model":"chat","input":[${'[],'.repeat(300_000)}[]]}`;
  const before = retainedBytes();
  for (let i = 0; i < 10; i += 1) void sendRaw(lab.url, [postOf(many)]).catch(() => null);
  await eventually(() => waiting.length === 10, 20_000);
  a.requests.length = 0; // what the cluster keeps
  expect(retainedBytes() - before).toBeLessThan(10 * 9 * many.length); // here are the cluster and the caller too
});

const postOf = (text: string): string =>
  `POST /v1/responses HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
