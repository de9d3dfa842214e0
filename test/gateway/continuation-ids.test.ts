/** Streams that go on by token ids from another cluster: simulated engines, which check each id of a prompt. */
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { EngineKind } from '../../src/domain/fleet.js';
import type { ServiceDefinition } from '../../src/domain/traffic.js';
import { createServingApp } from '../../src/simulator/serving-app.js';
import { SETTINGS_DEFAULT } from '../../src/simulator/settings.js';
import { expectedAnswer, promptKeyOfChat } from '../../src/simulator/text.js';
import { idOfWord, idsOfText } from '../../src/simulator/token-ids.js';
import { atEnd, gateway, service, stopAll, tempDir, upstream, type Lab } from './kit.js';
import { openStream, readStream } from './read-stream.js';
import { beginStream, frame, role, sendJson, type Behaviour } from './upstream.js';

afterEach(stopAll);

const MAX_TOKENS = 30;
const CUT_AFTER = 5;

interface AskedOf {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Engine {
  readonly url: string;
  readonly asked: AskedOf[];
}

/** `cut`: after how many tokens its streams break, the first `times` of them. */
async function engine(name: string, cut: number | null = null, times = Infinity): Promise<Engine> {
  const app = createServingApp({ ...SETTINGS_DEFAULT, name, model: 'llama', tokensPerSecond: 500 });
  if (cut !== null) {
    app.setFaults([{ kind: 'cut-streams', params: { share: 1, afterTokens: cut, as: 'reset' } }]);
  }
  const asked: AskedOf[] = [];
  let requests = 0;
  app.server.on('request', (req) => {
    if (++requests > times) app.setFaults([]);
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => asked.push({ path: req.url ?? '', body: JSON.parse(body) as AskedOf['body'] }));
  });
  await new Promise<void>((resolve) => app.server.listen(0, '127.0.0.1', resolve));
  atEnd(() => app.close());
  return { url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, asked };
}

interface Scene {
  readonly lab: Lab;
  /** The cluster that goes on. */
  readonly next: Engine;
  readonly first: Engine;
}

async function scene(change: Partial<ServiceDefinition> = {}, kinds: readonly EngineKind[] = []): Promise<Scene> {
  const [first, next] = [await engine('a', CUT_AFTER), await engine('b')];
  const { members, ...rest } = service({ a: first.url, b: next.url }, { a: 100, b: 0 }, change);
  const own = members.map((member, i) => ({ ...member, engine: kinds[i] ?? member.engine }));
  return { first, next, lab: await gateway([{ continueBy: 'token-ids', ...rest, members: own }]) };
}

const messages = [{ role: 'user', content: 'Tell me of harbors.' }];
const KEY = promptKeyOfChat(messages);
const chat = { model: 'chat', messages, max_tokens: MAX_TOKENS, stream: true };
const { tokens: WORDS, finishReason } = expectedAnswer(KEY, { maxTokens: MAX_TOKENS });
const SAID = WORDS.slice(0, CUT_AFTER).map(idOfWord);

/** One whole answer, as if nothing had happened. */
const WHOLE = { text: WORDS.join(''), finishReasons: [finishReason], dones: 1, errors: [] };

describe('by token ids', () => {
  test('a chat goes on as a plain completion, and its caller reads one chat', async () => {
    const { lab, first, next } = await scene();
    const stream = await openStream(lab.url, { ...chat, stream_options: { include_usage: true } });
    const seen = await readStream(stream);
    expect(seen).toMatchObject({ ...WHOLE, roles: 1, comments: ['understudy continued=1 from=a to=b'] });
    expect(seen.ids).toHaveLength(1);
    expect(seen.createds).toHaveLength(1);
    const [prompt, said] = [idsOfText(KEY).length, WORDS.length];
    expect(seen.usages).toEqual([{ prompt_tokens: prompt, completion_tokens: said, total_tokens: prompt + said }]);
    expect(first.asked).toMatchObject([{ path: '/v1/chat/completions', body: { return_token_ids: true } }]);
    const left = MAX_TOKENS - CUT_AFTER;
    expect(next.asked).toMatchObject([
      { path: '/v1/completions', body: { prompt: [...idsOfText(KEY), ...SAID], max_tokens: left, model: 'llama' } },
    ]);
    expect(next.asked[0]?.body).not.toHaveProperty('messages');
  });

  test('a plain completion too', async () => {
    const { lab, next } = await scene();
    const seen = await readStream(await openStream(lab.url, { ...chat, prompt: KEY }, '/v1/completions'));
    expect(seen).toMatchObject(WHOLE);
    expect(next.asked[0]?.body['prompt']).toEqual([...idsOfText(KEY), ...SAID]);
  });

  test.each([[idsOfText(KEY)], [[idsOfText(KEY)]]])('and one whose prompt came in ids', async (prompt) => {
    const { lab, next } = await scene();
    const seen = await readStream(await openStream(lab.url, { ...chat, prompt }, '/v1/completions'));
    expect(seen).toMatchObject(WHOLE);
    expect(next.asked[0]?.body['prompt']).toEqual([...idsOfText(KEY), ...SAID]);
  });

  test('again and again', async () => {
    const [a, b] = [await engine('a', 5), await engine('b', 7, 1)];
    const definition = service({ a: a.url, b: b.url }, { a: 100, b: 0 });
    const lab = await gateway([{ ...definition, continueBy: 'token-ids' }]);
    const seen = await readStream(await openStream(lab.url, chat));
    expect(seen).toMatchObject({ ...WHOLE, roles: 1, comments: ['understudy continued=3 from=a to=b,a,b'] });
    expect(b.asked[1]?.body['prompt']).toEqual([...idsOfText(KEY), ...WORDS.slice(0, 17).map(idOfWord)]);
    expect(b.asked[1]?.body['max_tokens']).toBe(MAX_TOKENS - 17);
  });

  test('a chat without a limit may fill the context, which the other API would not let it do', async () => {
    const { lab, next } = await scene();
    const endless = expectedAnswer(KEY, { maxTokens: null });
    const seen = await readStream(await openStream(lab.url, { ...chat, max_tokens: null }));
    expect(seen).toMatchObject({ ...WHOLE, text: endless.tokens.join(''), finishReasons: ['stop'] });
    const prompt = [...idsOfText(KEY), ...SAID];
    const left = SETTINGS_DEFAULT.contextTokensMax - prompt.length;
    expect(next.asked.at(-1)).toMatchObject({ path: '/v1/completions', body: { prompt, max_tokens: left } });
  });

  test('nobody sees ids but who asked for them', async () => {
    const { lab } = await scene();
    const hidden = await (await lab.chat(chat)).text();
    expect(hidden).toContain('"token_ids":null');
    expect(hidden).not.toContain('token_ids":[');
    const shown = await (await lab.chat({ ...chat, return_token_ids: true })).text();
    expect(shown.match(/"token_ids":\[\d+\]/g)).toEqual(WORDS.map((word) => `"token_ids":[${idOfWord(word)}]`));
    expect(shown.match(/"prompt_token_ids":\[/g)).toHaveLength(1);
  });
});

describe('by text', () => {
  const byText = { path: '/v1/chat/completions', body: { continue_final_message: true } };

  test.each<[string, object]>([
    ['there are tools', { tools: [{ type: 'function', function: { name: 'f' } }] }],
    ['a stop text may be half said', { stop: ['never'] }],
  ])('where %s', async (_name, more) => {
    const { lab, first, next } = await scene();
    const seen = await readStream(await openStream(lab.url, { ...chat, ...more }));
    expect(seen.text.startsWith(WHOLE.text)).toBe(true);
    expect(next.asked[0]).toMatchObject(byText);
    expect(first.asked[0]?.body).not.toHaveProperty('return_token_ids');
  });

  test('where the engine that goes on takes no ids', async () => {
    const { lab, next } = await scene({}, ['vllm', 'sglang']);
    expect(await readStream(await openStream(lab.url, chat))).toMatchObject({ ...WHOLE, roles: 1 });
    expect(next.asked).toMatchObject([byText]);
  });

  test('where the engine that broke off told none', async () => {
    const { lab, first, next } = await scene({}, ['sglang', 'vllm']);
    expect(await readStream(await openStream(lab.url, chat))).toMatchObject({ ...WHOLE, roles: 1 });
    expect(first.asked[0]?.body).not.toHaveProperty('return_token_ids');
    expect(next.asked[0]).toMatchObject(byText);
  });

  test('where nobody asked for anything else', async () => {
    const { lab, first, next } = await scene({ continueBy: undefined });
    expect(await readStream(await openStream(lab.url, chat))).toMatchObject({ ...WHOLE, roles: 1 });
    expect(first.asked[0]?.body).not.toHaveProperty('return_token_ids');
    expect(next.asked[0]).toMatchObject(byText);
  });
});

describe('ids of which the last may be a part of a character', () => {
  const two = { id: 'c1', choices: [{ index: 0, delta: { content: 'two' }, finish_reason: null, token_ids: [5, 6] }] };
  const breaks: Behaviour = (_request, res) => {
    beginStream(res, frame({ ...role, prompt_token_ids: [1] }) + frame(two));
    setTimeout(() => res.destroy(), 20);
  };
  const knows =
    (text: string): Behaviour =>
    ({ url }, res) => {
      if (url === '/detokenize') sendJson(res, 200, { prompt: text });
      else {
        const said = url === '/v1/completions' ? { text: ' three' } : { delta: { content: ' three' } };
        beginStream(res, frame({ choices: [{ index: 0, ...said, finish_reason: 'stop' }] }) + frame('[DONE]'));
        res.end();
      }
    };

  test.each([
    ['two', { url: '/v1/completions', prompt: [1, 5, 6] }],
    ['tw\ufffd', { url: '/v1/chat/completions', prompt: undefined }],
  ])('are shown to the engine that goes on: %j', async (text, expected) => {
    const [a, b] = [await upstream(breaks), await upstream(knows(text))];
    const definition = service({ a: a.url, b: b.url }, { a: 100, b: 0 }, { continueBy: 'token-ids' });
    const seen = await readStream(await openStream((await gateway([definition])).url, chat));
    expect(seen).toMatchObject({ text: 'two three', finishReasons: ['stop'], roles: 1, dones: 1, errors: [] });
    const [asked, rest] = b.requests.map(({ url, body }) => ({ url, ...(JSON.parse(body) as object) }));
    expect(asked).toEqual({ url: '/detokenize', model: 'llama', tokens: [5, 6] });
    expect(rest).toMatchObject({ url: expected.url, max_tokens: MAX_TOKENS - 2 });
    expect((rest as { prompt?: unknown }).prompt).toEqual(expected.prompt);
  });
});

test('the setting comes with the service, over a restart too, and no other word is taken for it', async () => {
  const dataDir = tempDir();
  const definition = service({ a: 'http://127.0.0.1:9' }, { a: 100 });
  const lab = await gateway([definition], { dataDir });
  const put = async (continueBy: string): Promise<number> =>
    (await lab.admin('PUT', '/services/chat', { ...definition, continueBy })).status;
  expect([await put('ids'), await put('token-ids')]).toEqual([400, 200]);
  await lab.close(0);
  const { body } = await (await gateway([], { dataDir })).admin('GET', '/table');
  expect(JSON.stringify(body)).toContain('"continueBy":"token-ids"');
});

test('a prompt in ids is not continued by an engine that does not take what was said as ids', async () => {
  const { lab } = await scene({}, ['vllm', 'sglang']);
  const seen = await readStream(await openStream(lab.url, { ...chat, prompt: idsOfText(KEY) }, '/v1/completions'));
  expect(seen.errors).toMatchObject([{ code: 'cannot-continue', reason: 'engine-cannot' }]);
});

test('nor where the engine that broke off told no ids', async () => {
  const { lab } = await scene({}, ['sglang', 'vllm']);
  const seen = await readStream(await openStream(lab.url, { ...chat, prompt: idsOfText(KEY) }, '/v1/completions'));
  expect(seen.errors).toMatchObject([{ code: 'cannot-continue', reason: 'prompt-form' }]);
});
