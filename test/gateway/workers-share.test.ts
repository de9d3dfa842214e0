/** What belongs to callers is the same whichever worker they come to: limits of their keys, and their conversations. */
import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { Agent, fetch } from 'undici';
import { afterEach, expect, test } from 'vitest';
import { partOfKeys } from '../../src/gateway/workers/messages.js';
import { createServingApp } from '../../src/simulator/serving-app.js';
import { SETTINGS_DEFAULT } from '../../src/simulator/settings.js';
import { expectedText, promptKeyOfChat, type ChatMessage } from '../../src/simulator/text.js';
import { eventually } from '../kit/eventually.js';
import { gatewayProcess, type GatewayProcess } from './gateway-process.js';
import { atEnd, stopAll, upstream } from './kit.js';
import { answerAs } from './upstream.js';

afterEach(stopAll);

const TWO = ['--workers', '2'];
const PER_MINUTE = 20;
/** What fills up again while the test asks; far more than a minute's third of it would be. */
const REFILLED_MAX = 8;

/** On a connection of its own, so that any worker may get it. */
async function post(running: GatewayProcess, path: string, body: object, key = ''): Promise<Answer> {
  const dispatcher = new Agent();
  try {
    const headers = { 'content-type': 'application/json', ...(key !== '' && { authorization: `Bearer ${key}` }) };
    const answer = await fetch(running.url + path, {
      method: 'POST',
      headers,
      body: JSON.stringify({ model: 'chat', ...body }),
      dispatcher,
    });
    return { status: answer.status, body: (await answer.json()) as Answer['body'] };
  } finally {
    await dispatcher.close();
  }
}

interface Answer {
  readonly status: number;
  readonly body: {
    readonly id: string;
    readonly output: readonly { readonly content: readonly { readonly text: string }[] }[];
  };
}

const keyLine = (name: string, limits: object = {}): object => ({
  name,
  sha256: createHash('sha256').update(name).digest('hex'),
  limits,
});

test('limits of a key are shared out among the workers, rounded up', () => {
  const limits = { requestsPerMinute: 20, tokensPerMinute: 101, concurrent: 3 };
  const key = { name: 'ada', sha256: '', services: null, priorityMax: 'high' as const };
  const none = { requestsPerMinute: null, tokensPerMinute: null, concurrent: null };
  expect(
    partOfKeys(
      [
        { ...key, limits },
        { ...key, limits: none },
      ],
      2,
    ).map((part) => part.limits),
  ).toEqual([{ requestsPerMinute: 10, tokensPerMinute: 51, concurrent: 2 }, none]);
});

test('a key’s limit holds over all workers, and so do keys that are read again', async () => {
  const a = await upstream(answerAs('a'));
  const keys = [keyLine('ada', { requestsPerMinute: PER_MINUTE })];
  const running = await gatewayProcess({ members: { a: a.url }, args: TWO, gateway: { keys } });
  const statuses: number[] = [];
  for (let i = 0; i < 6; i++) {
    const asked = Array.from(
      { length: PER_MINUTE },
      async () => await post(running, '/v1/chat/completions', {}, 'ada'),
    );
    statuses.push(...(await Promise.all(asked)).map(({ status }) => status));
  }
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  const served = statuses.filter((status) => status === 200).length;
  expect(served).toBeGreaterThanOrEqual(PER_MINUTE / 2);
  expect(served).toBeLessThanOrEqual(PER_MINUTE + REFILLED_MAX);

  running.rewrite({ keys: [keyLine('eve')] });
  running.kill('SIGHUP');
  await eventually(() => running.lines.filter(({ event }) => event === 'keys-replaced').length === 2, 10_000);
  const each = async (key: string): Promise<number[]> => {
    const asked = Array.from({ length: 20 }, async () => await post(running, '/v1/chat/completions', {}, key));
    return [...new Set((await Promise.all(asked)).map(({ status }) => status))];
  };
  expect(await each('ada')).toEqual([401]);
  expect(await each('eve')).toEqual([200]);
}, 90_000);

test('a conversation goes on at any worker, and at those that come after all of them were killed', async () => {
  const app = createServingApp({ ...SETTINGS_DEFAULT, name: 'a', model: 'llama', tokensPerSecond: 2_000 });
  await new Promise<void>((resolve) => app.server.listen(0, '127.0.0.1', resolve));
  atEnd(() => app.close());
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const running = await gatewayProcess({ members: { a: url }, args: TWO });
  const sayings: ChatMessage[] = [];
  let previous: string | null = null;
  const turn = async (input: string): Promise<void> => {
    const before = previous === null ? {} : { previous_response_id: previous };
    const { body } = await post(running, '/v1/responses', { input, ...before });
    sayings.push({ role: 'user', content: input });
    const content = expectedText(promptKeyOfChat(sayings), null);
    expect(body.output[0]?.content[0]?.text).toBe(content);
    sayings.push({ role: 'assistant', content });
    previous = body.id;
  };
  for (let i = 0; i < 10; i++) await turn(`turn ${i}`);
  const first = running.workers();
  for (const pid of first) process.kill(pid, 'SIGKILL');
  await eventually(
    () => running.workers().length === 2 && running.workers().every((pid) => !first.includes(pid)),
    30_000,
  );
  await turn('after all of them');
}, 90_000);
