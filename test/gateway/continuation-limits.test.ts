/** Where a stream breaks to the byte, what the next cluster is asked, and when the honest answer is an error. */
import { afterEach, describe, expect, test } from 'vitest';
import { CANNOT_CONTINUE } from '../../src/domain/continuation/cannot-continue.js';
import type { ServiceDefinition } from '../../src/domain/traffic.js';
import { BACK_OFF_FIRST_MS, FAILURES_IN_A_ROW } from '../../src/gateway/service/ejection.js';
import { SAID_BYTES_MAX } from '../../src/gateway/continuation/said.js';
import { eventually } from '../kit/eventually.js';
import { gateway, service, stopAll, upstream, type Lab } from './kit.js';
import { openStream, readStream, type StreamSeen } from './read-stream.js';
import {
  beginStream,
  delta,
  finish,
  frame,
  hang,
  role,
  sendJson,
  status,
  type Behaviour,
  type Upstream,
} from './upstream.js';

afterEach(stopAll);

/** Says `spoken`, and a moment later, in a packet of its own, `rest`; then the connection is reset. */
const breaksAfter =
  (spoken: string | Buffer, rest: string | Buffer = ''): Behaviour =>
  (_request, res) => {
    beginStream(res, '');
    res.write(spoken);
    setTimeout(() => {
      res.write(rest);
      setTimeout(() => res.destroy(), 20);
    }, 20);
  };
const says =
  (...frames: readonly object[]): Behaviour =>
  (_request, res) => {
    beginStream(res, [...frames, '[DONE]'].map((f) => frame(f)).join(''));
    res.end();
  };
const SPOKEN = frame(role) + frame(delta('one ')) + frame(delta('two '));
const REST = says(role, delta('three'), finish('stop'));

interface Scene {
  readonly a: Upstream;
  readonly b: Upstream;
  readonly lab: Lab;
}

async function scene(
  first: Behaviour,
  second: Behaviour = REST,
  change: Partial<ServiceDefinition> = {},
): Promise<Scene> {
  const a = await upstream(first);
  const b = await upstream(second);
  return { a, b, lab: await gateway([service({ a: a.url, b: b.url }, { a: 100, b: 0 }, change)]) };
}

const CHAT = { model: 'chat', messages: [{ role: 'user', content: 'count' }], stream: true };
const ask = async (lab: Lab, more: object = {}): Promise<StreamSeen> =>
  await readStream(await openStream(lab.url, { ...CHAT, ...more }));
const isCount = ({ url }: { readonly url: string }): boolean => url === '/tokenize';
/** The last one that was asked for. */
const bodyOf = (server: Upstream): Record<string, unknown> =>
  JSON.parse(server.requests.findLast((r) => !isCount(r))?.body ?? '{}') as Record<string, unknown>;

describe('a break', () => {
  test('asks the next cluster for the rest only', async () => {
    const { b, lab } = await scene(breaksAfter(SPOKEN));
    expect(await ask(lab, { max_tokens: 10, min_tokens: 1 })).toMatchObject({ text: 'one two three', roles: 1 });
    expect(bodyOf(b)).toEqual({
      ...CHAT,
      model: 'llama',
      messages: [...CHAT.messages, { role: 'assistant', content: 'one two ' }],
      max_tokens: 8,
      min_tokens: 0,
      add_generation_prompt: false,
      continue_final_message: true,
    });
  });

  test.each<[string, Behaviour, number]>([
    ['as the engine counts them', (_request, res) => sendJson(res, 200, { count: 4, tokens: [1, 2, 3, 4] }), 6],
    ['as frames, where it counts fewer', (_request, res) => sendJson(res, 200, { count: 1 }), 8],
    ['as frames, where it cannot count', status(404), 8],
    ['as frames, where its answer means nothing', (_request, res) => sendJson(res, 200, { count: 'four' }), 8],
    ['as frames, where it does not answer', hang, 8],
  ])('counts the tokens that were said %s', async (_how, counts, left) => {
    const rest: Behaviour = (request, res) => (isCount(request) ? counts : REST)(request, res);
    const { b, lab } = await scene(breaksAfter(SPOKEN), rest);
    expect(await ask(lab, { max_tokens: 10 })).toMatchObject({ text: 'one two three', errors: [], dones: 1 });
    expect(bodyOf(b)).toMatchObject({ max_tokens: left });
    const asked = b.requests.find(isCount);
    expect(JSON.parse(asked?.body ?? '')).toEqual({ model: 'llama', prompt: 'one two ', add_special_tokens: false });
  });

  test('does not wait for the count before it asks, and says nothing that the count forbids', async () => {
    let answerCount = (): void => undefined;
    const rest: Behaviour = (request, res) => {
      if (isCount(request)) answerCount = () => sendJson(res, 200, { count: 10 });
      else REST(request, res);
    };
    const { b, lab } = await scene(breaksAfter(SPOKEN), rest);
    const answer = ask(lab, { max_tokens: 10 });
    await eventually(() => b.requests.length === 2); // while the count is still to come
    answerCount();
    expect(await answer).toMatchObject({ text: 'one two ', finishReasons: ['length'], dones: 1, errors: [] });
    expect(b.requests.filter((r) => !isCount(r))).toHaveLength(1);
  });

  test('counts at a cluster that has a key of its own with that key', async () => {
    process.env['TEST_B_API_KEY'] = 'cluster-secret';
    const a = await upstream(breaksAfter(SPOKEN));
    const b = await upstream((request, res) => {
      if (request.headers.authorization !== 'Bearer cluster-secret') status(401)(request, res);
      else if (isCount(request)) sendJson(res, 200, { count: 4 });
      else REST(request, res);
    });
    const chat = service({ a: a.url, b: b.url }, { a: 100, b: 0 });
    const members = chat.members.map((m) => (m.cluster === 'b' ? { ...m, apiKeyEnv: 'TEST_B_API_KEY' } : m));
    expect(await ask(await gateway([{ ...chat, members }]), { max_tokens: 10 })).toMatchObject({ errors: [] });
    expect(bodyOf(b)).toMatchObject({ max_tokens: 6 });
  });

  test('of a plain completion without a limit leaves what the engine’s own limit leaves', async () => {
    const text = (said: string): object => ({ id: 'c1', choices: [{ index: 0, text: said, finish_reason: null }] });
    const end = { id: 'c1', choices: [{ index: 0, text: '', finish_reason: 'length' }] };
    const counts: Behaviour = (_request, res) => sendJson(res, 200, { count: 3 });
    const { b, lab } = await scene(breaksAfter(frame(text('one ')) + frame(text('two '))), (request, res) =>
      (isCount(request) ? counts : says(text('three'), end))(request, res),
    );
    const stream = await openStream(lab.url, { model: 'chat', stream: true, prompt: 'x' }, '/v1/completions');
    expect(await readStream(stream)).toMatchObject({ text: 'one two three', finishReasons: ['length'], errors: [] });
    expect(bodyOf(b)).toMatchObject({ prompt: 'xone two ', max_tokens: 13 });
  });

  test('of an answer without a limit or usage is not counted', async () => {
    const { b, lab } = await scene(breaksAfter(SPOKEN));
    await ask(lab);
    expect(b.requests.map((r) => r.url)).toEqual(['/v1/chat/completions']);
  });

  test('inside a frame, inside a character, discards the half frame and says it once', async () => {
    const half = Buffer.from(frame(delta('漢字 ')));
    for (const cut of [half.indexOf('漢') + 1, half.length - 3, half.length - 2]) {
      const { b, lab } = await scene(breaksAfter(SPOKEN, half.subarray(0, cut)));
      expect(await ask(lab)).toMatchObject({ text: 'one two three', errors: [], dones: 1 });
      expect(bodyOf(b)['messages']).toContainEqual({ role: 'assistant', content: 'one two ' });
      await stopAll();
    }
  });

  test('between a frame’s line and its blank line counts that frame as said, and ends it', async () => {
    const whole = Buffer.from(frame(delta('漢字 ')));
    const { b, lab } = await scene(breaksAfter(SPOKEN, whole.subarray(0, -1)));
    expect(await ask(lab)).toMatchObject({ text: 'one two 漢字 three', errors: [], dones: 1 });
    expect(bodyOf(b)['messages']).toContainEqual({ role: 'assistant', content: 'one two 漢字 ' });
  });

  test('with quotes, backslashes and line ends in the text keeps them', async () => {
    const odd = ['"quoted" ', '\\', '\\"', '\n\n', '{"content":"x"}', '\u2028', '🙂'];
    const { b, lab } = await scene(breaksAfter(frame(role) + odd.map((t) => frame(delta(t))).join('')));
    expect((await ask(lab)).text).toBe(`${odd.join('')}three`);
    expect(bodyOf(b)['messages']).toContainEqual({ role: 'assistant', content: odd.join('') });
  });

  test('before any text, after a frame that is no token, asks anew and keeps the first identity', async () => {
    const usageFirst = frame(role) + frame({ id: 'c1', choices: [], usage: null });
    const { b, lab } = await scene(breaksAfter(usageFirst));
    expect(await ask(lab, { max_tokens: 10 })).toMatchObject({ text: 'three', errors: [], roles: 1, ids: ['c1'] });
    expect(bodyOf(b)).toMatchObject({ max_tokens: 10, messages: CHAT.messages });
  });

  test('after the finish reason is none: the answer is whole', async () => {
    const { b, lab } = await scene(breaksAfter(SPOKEN, frame(finish('stop'))));
    expect(await ask(lab)).toMatchObject({ text: 'one two ', finishReasons: ['stop'], dones: 1, errors: [] });
    expect(b.requests).toHaveLength(0);
    expect((await lab.state()).callers).toMatchObject({ ok: 1, cut: 0, continued: 0 });
  });

  test('after as many tokens as were allowed needs nobody: only the end was missing', async () => {
    const { b, lab } = await scene(breaksAfter(SPOKEN));
    expect(await ask(lab, { max_completion_tokens: 2 })).toMatchObject({
      text: 'one two ',
      finishReasons: ['length'],
      dones: 1,
      ids: ['c1'],
    });
    expect(b.requests).toHaveLength(0);
    expect((await lab.state()).callers).toMatchObject({ ok: 1, cut: 0 });
  });

  test('of an answer that the caller had begun itself prolongs that message', async () => {
    const { b, lab } = await scene(breaksAfter(SPOKEN));
    const messages = [...CHAT.messages, { role: 'assistant', content: 'zero ' }];
    await ask(lab, { messages, add_generation_prompt: false, continue_final_message: true });
    expect(bodyOf(b)['messages']).toEqual([...CHAT.messages, { role: 'assistant', content: 'zero one two ' }]);
  });

  test('counts what the engine counts, where the caller had asked for it in every frame', async () => {
    const usage = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 };
    const rest = { prompt_tokens: 13, completion_tokens: 1, total_tokens: 14 };
    const lagging = frame(role) + frame({ ...delta('one two three '), usage });
    const { b, lab } = await scene(breaksAfter(lagging), says({ ...delta('six'), usage: rest }, finish('stop')));
    const seen = await ask(lab, { max_tokens: 9 });
    expect(bodyOf(b)['max_tokens']).toBe(4);
    expect(seen.usages.at(-1)).toEqual({ prompt_tokens: 7, completion_tokens: 6, total_tokens: 13 });
  });
});

describe('instead of a wrong continuation the stream ends with an error that says why:', () => {
  const call = { id: 'c1', choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id: 't' }] } }] };
  const thought = { id: 'c1', choices: [{ index: 0, delta: { reasoning_content: 'hm' } }] };
  const image = { id: 'c1', choices: [{ index: 0, delta: { images: ['x'] } }] };
  const long = Array.from({ length: 9 }, () => frame(delta('x'.repeat(SAID_BYTES_MAX / 8)))).join('');
  const speaks = breaksAfter(SPOKEN);
  const member = (cluster: string, more: object): object => ({ cluster, concurrency: 1, url: '', ...more });

  test.each<[keyof typeof CANNOT_CONTINUE, string, Behaviour, object]>([
    ['many-choices', 'n', speaks, { n: 2 }],
    ['many-choices', 'best_of', speaks, { best_of: 3 }],
    ['logprobs', 'logprobs', speaks, { logprobs: true }],
    ['logprobs', 'top_logprobs of none but the chosen', speaks, { logprobs: 0 }],
    ['guided-decoding', 'a JSON object', speaks, { response_format: { type: 'json_object' } }],
    ['guided-decoding', 'a schema', speaks, { response_format: { type: 'json_schema', json_schema: {} } }],
    ['guided-decoding', 'a regular expression', speaks, { guided_regex: 'a+' }],
    ['guided-decoding', 'a grammar', speaks, { grammar: 'root ::= "a"' }],
    ['guided-decoding', 'structured outputs', speaks, { structured_outputs: { choice: ['a'] } }],
    ['guided-decoding', 'a call that must come', speaks, { tool_choice: 'required' }],
    [
      'prompt-form',
      'a last message of the assistant that is not prolonged',
      speaks,
      { messages: [{ role: 'assistant', content: '' }] },
    ],
    ['tool-call', 'half a tool call', breaksAfter(SPOKEN + frame(call)), {}],
    ['reasoning', 'half a thought', breaksAfter(frame(role) + frame(thought)), {}],
    ['reasoning', 'text after a thought', breaksAfter(frame(role) + frame(thought) + frame(delta('one'))), {}],
    ['not-text', 'something unknown', breaksAfter(frame(role) + frame(image)), {}],
    ['partial-character', 'the sign for half a character', breaksAfter(SPOKEN + frame(delta('\ufffd'))), {}],
    ['too-long', 'more text than is kept', breaksAfter(long), {}],
  ])('%s (%s)', async (reason, _name, first, more) => {
    const { b, lab } = await scene(first);
    const seen = await ask(lab, more);
    expect(seen.errors).toEqual([expect.objectContaining({ code: 'cannot-continue', reason })]);
    expect(seen).toMatchObject({ dones: 0, finishReasons: [] });
    expect(seen.errors[0]?.message).toContain(CANNOT_CONTINUE[reason]);
    expect(b.requests).toHaveLength(0);
    expect((await lab.state()).callers).toMatchObject({ total: 1, ok: 0, cut: 1, continued: 0 });
  });

  test.each<[keyof typeof CANNOT_CONTINUE, string, object, Behaviour, number]>([
    ['other-model', 'the other cluster serves another model', { model: 'mistral', engine: 'vllm' }, REST, 0],
    ['engine-cannot', 'nothing is known of the other engine', { model: 'llama', engine: 'generic' }, REST, 0],
    ['refused-by-cluster', 'the rest is too long for it', { model: 'llama', engine: 'vllm' }, status(400), 1],
    ['no-cluster', 'the other one fails too', { model: 'llama', engine: 'vllm' }, status(500), 1],
    ['no-cluster', 'the other one has no quota', { model: 'llama', engine: 'vllm' }, status(429), 1],
  ])('%s (%s)', async (reason, _name, other, second, asked) => {
    const a = await upstream(speaks);
    const b = await upstream(second);
    const members = [
      member('a', { url: a.url, model: 'llama', engine: 'vllm' }),
      member('b', { url: b.url, ...other }),
    ] as ServiceDefinition['members'];
    const lab = await gateway([service({}, { a: 100, b: 0 }, { members })]);
    const seen = await ask(lab);
    expect(seen).toMatchObject({ text: 'one two ', errors: [{ code: 'cannot-continue', reason }], dones: 0 });
    expect(b.requests).toHaveLength(asked);
    expect((await lab.state()).callers).toMatchObject({ ok: 0, cut: 1, lost: 0, client: 0, quota: 0 });
  });

  test('too-many-breaks (both clusters, over and over)', async () => {
    const { a, b, lab } = await scene(speaks, speaks);
    const seen = await ask(lab);
    expect(seen).toMatchObject({ text: 'one two '.repeat(4), roles: 1, dones: 0 });
    expect(seen.errors).toEqual([expect.objectContaining({ reason: 'too-many-breaks' })]);
    expect([a.requests.length, b.requests.length]).toEqual([2, 2]);
  });

  test.each<[string, object]>([
    ['tokens', { prompt: [1, 2, 3] }],
    ['an echo', { prompt: 'x', echo: true }],
    ['a hole in the middle', { prompt: 'x', suffix: 'y' }],
  ])('prompt-form (a plain completion of %s)', async (_name, body) => {
    const { b, lab } = await scene(breaksAfter(frame({ id: 'c1', choices: [{ index: 0, text: 'one ' }] })));
    const seen = await readStream(
      await openStream(lab.url, { model: 'chat', stream: true, ...body }, '/v1/completions'),
    );
    expect(seen.errors).toEqual([expect.objectContaining({ reason: 'prompt-form' })]);
    expect(b.requests).toHaveLength(0);
  });
});

test('a llama.cpp is asked for the rest only: without these fields its stream says the old part again', async () => {
  const a = await upstream(breaksAfter(SPOKEN));
  const b = await upstream(REST);
  const { members, ...rest } = service({ a: a.url, b: b.url }, { a: 100, b: 0 });
  const lab = await gateway([{ ...rest, members: members.map((m) => ({ ...m, engine: 'llamacpp' as const })) }]);
  expect((await ask(lab)).text).toBe('one two three');
  expect(bodyOf(b)).toMatchObject({ add_generation_prompt: false, continue_final_message: true });
});

test('whoever has waited already goes on at a proven cluster, not at one on trial', async () => {
  let breakOff = (): void => undefined;
  const a = await upstream((_request, res) => {
    beginStream(res, SPOKEN);
    breakOff = () => res.destroy();
  });
  const b = await upstream(status(500));
  const c = await upstream(REST);
  const lab = await gateway([service({ a: a.url, b: b.url, c: c.url }, { a: 100, b: 0, c: 0 })]);
  const stream = await openStream(lab.url, CHAT);
  await stream.tokens(2);
  await lab.admin('PUT', '/routes/chat', { epoch: 1, weights: { a: 0, b: 100, c: 0 } });
  for (let i = 0; i < FAILURES_IN_A_ROW; i++) await lab.chat();
  const ejectedAtMs = performance.now();
  b.behave(hang);
  await eventually(() => performance.now() > ejectedAtMs + BACK_OFF_FIRST_MS, 2 * BACK_OFF_FIRST_MS); // its trial is due
  breakOff();
  expect(await readStream(stream)).toMatchObject({ text: 'one two three', errors: [] });
  expect(b.requests).toHaveLength(FAILURES_IN_A_ROW);
});

test('a caller that leaves between two clusters is not counted, and the second is cancelled', async () => {
  const { b, lab } = await scene(breaksAfter(SPOKEN), (_request, res) => beginStream(res, frame(role)));
  const abort = new AbortController();
  const answer = await lab.chat(CHAT, { signal: abort.signal });
  await answer.body!.getReader().read();
  await expect.poll(() => b.requests.length).toBe(1);
  abort.abort();
  await expect.poll(() => b.requests[0]?.aborted).toBe(true);
  expect((await lab.state()).callers).toMatchObject({ total: 1, ok: 0, cut: 0, lost: 0 });
});

test('a table from before engines were told is read, and continues nothing', async () => {
  const { members, ...rest } = service({ a: 'http://127.0.0.1:1' }, { a: 100 });
  const old = { ...rest, members: members.map((m) => ({ ...m, engine: undefined })) };
  const lab = await gateway([old as unknown as ServiceDefinition]);
  expect((await lab.state()).effective).toEqual({ a: 100 });
});
