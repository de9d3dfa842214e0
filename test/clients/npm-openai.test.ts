/** The official client for JavaScript (npm `openai`), as it is, through the gateway. */
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { expectedEmbedding } from '../../src/simulator/embeddings.js';
import { expectedText } from '../../src/simulator/text.js';
import { MAX_TOKENS, MODEL, SERVICE, assistant, openStage, rightText, user, type Stage } from './stage.js';

let stage: Stage;
let client: OpenAI;
beforeAll(async () => {
  stage = await openStage();
  client = new OpenAI({ baseURL: stage.baseUrl, apiKey: 'none' });
});
afterEach(async () => await stage.restore());
afterAll(async () => await stage.close());

const asked = (content: string): { model: string; messages: ReturnType<typeof user>[]; max_tokens: number } => ({
  model: SERVICE,
  messages: [user(content)],
  max_tokens: MAX_TOKENS,
});

test('chat', async () => {
  const { choices, usage } = await client.chat.completions.create(asked('npm chat'));
  expect(choices[0]?.message).toMatchObject({ role: 'assistant', content: rightText([user('npm chat')]) });
  expect(usage?.total_tokens).toBeGreaterThan(0);
});

test('chat as a stream, put together by the client', async () => {
  const whole = await client.chat.completions.stream(asked('npm stream')).finalChatCompletion();
  expect(whole.choices[0]?.message.content).toBe(rightText([user('npm stream')]));
});

test('completions, as a stream too', async () => {
  const order = { model: SERVICE, prompt: 'npm completion', max_tokens: MAX_TOKENS };
  const whole = await client.completions.create(order);
  let text = '';
  for await (const chunk of await client.completions.create({ ...order, stream: true })) text += chunk.choices[0]?.text;
  expect(whole.choices[0]?.text).toBe(expectedText('npm completion', MAX_TOKENS));
  expect(text).toBe(expectedText('npm completion', MAX_TOKENS));
});

test('responses: the second turn knows the first one, as a stream too', async () => {
  const order = { model: SERVICE, max_output_tokens: MAX_TOKENS };
  const first = await client.responses.create({ ...order, input: 'npm one' });
  const said = rightText([user('npm one')]);
  expect(first.output_text).toBe(said);
  const second = rightText([user('npm one'), assistant(said), user('npm two')]);
  const next = { ...order, input: 'npm two', previous_response_id: first.id };
  expect((await client.responses.create(next)).output_text).toBe(second);
  expect((await client.responses.stream(next).finalResponse()).output_text).toBe(second);
});

test('embeddings, which this client asks for in base64 by itself', async () => {
  const { data } = await client.embeddings.create({ model: SERVICE, input: ['x', 'y'] });
  expect(data.map((d) => d.embedding)).toEqual([expectedEmbedding('x'), expectedEmbedding('y')]);
  const plain = await client.embeddings.create({ model: SERVICE, input: 'x', encoding_format: 'float' });
  expect(plain.data[0]?.embedding).toEqual(expectedEmbedding('x'));
});

test('models', async () => {
  const ids: string[] = [];
  for await (const model of client.models.list()) ids.push(model.id);
  expect(ids).toEqual([SERVICE, MODEL]);
  expect(await client.models.retrieve(MODEL)).toMatchObject({ id: MODEL, object: 'model' });
});

test('an unknown model is a NotFoundError, a bad request a BadRequestError', async () => {
  const unknown = client.chat.completions.create({ ...asked('x'), model: 'nobody' });
  await expect(unknown).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  await expect(unknown).rejects.toMatchObject({ status: 404, code: 'unknown-service', type: 'invalid_request_error' });
  const bad = client.chat.completions.create({ ...asked('x'), max_tokens: 0 });
  await expect(bad).rejects.toBeInstanceOf(OpenAI.BadRequestError);
});

test('no cluster at all is an InternalServerError with status and Retry-After', async () => {
  await stage.fault('a', { kind: 'errors', share: 1, status: 503 });
  await stage.fault('b', { kind: 'errors', share: 1, status: 503 });
  const error: unknown = await client.chat.completions.create(asked('x'), { maxRetries: 0 }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(OpenAI.InternalServerError);
  expect(error).toMatchObject({ status: 503 });
  expect((error as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after')).toMatch(/^\d+$/);
});

test('a quota is a RateLimitError, and is tried again after the time that it names', async () => {
  for (const name of ['a', 'b'] as const) await stage.fault(name, { kind: 'quota', share: 1 });
  const refused = client.chat.completions.create(asked('x'), { maxRetries: 0 });
  await expect(refused).rejects.toBeInstanceOf(OpenAI.RateLimitError);
  const patient = client.chat.completions.create(asked('npm patient'), { maxRetries: 3 });
  setTimeout(() => void stage.restore(), 300);
  expect((await patient).choices[0]?.message.content).toBe(rightText([user('npm patient')]));
});

test('a cluster killed in the middle of a stream: one whole, right answer', async () => {
  let text = '';
  let tokens = 0;
  const ends: string[] = [];
  const ids = new Set<string>();
  for await (const chunk of await client.chat.completions.create({ ...asked('npm killed'), stream: true })) {
    const said = chunk.choices[0]?.delta.content ?? '';
    text += said;
    if (said !== '' && ++tokens === 5) await stage.fault('a', { kind: 'crash' });
    if (chunk.choices[0]?.finish_reason) ends.push(chunk.choices[0].finish_reason);
    ids.add(chunk.id);
  }
  expect(text).toBe(rightText([user('npm killed')]));
  expect(ends).toHaveLength(1);
  expect(ids.size).toBe(1);
});
