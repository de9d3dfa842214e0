/** Simulated clusters as real processes: what they serve, and what each fault looks like from a client's side. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runSimulatedCluster, type ClusterOptions, type SimulatedCluster } from '../../src/simulator/cluster.js';
import { clearFaults, orderFault } from '../../src/simulator/control-client.js';
import { expectedText, promptKeyOfChat } from '../../src/simulator/text.js';
import { asked, eventually, metric, question, streamed } from './asking.js';
import { serveEntry } from '../kit/compiled.js';

const MODEL = 'llama-3.1-70b';
const PACE = 200; // tokens a second: fast enough for a test, slow enough to break a stream in its middle

let shared: SimulatedCluster;
const own: SimulatedCluster[] = [];

async function cluster(options: Partial<ClusterOptions> = {}): Promise<SimulatedCluster> {
  const started = await runSimulatedCluster({
    name: 'own',
    tokensPerSecond: PACE,
    serveEntry: serveEntry(),
    ...options,
  });
  own.push(started);
  return started;
}

beforeAll(async () => {
  shared = await runSimulatedCluster({ name: 'eu-a', tokensPerSecond: PACE, serveEntry: serveEntry() });
});
afterEach(async () => {
  await clearFaults(shared.controlUrl, null);
  await Promise.all(
    own.splice(0).map(async (each) => {
      await each.close();
    }),
  );
});
afterAll(async () => {
  await shared.close();
});

const ask = (content: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  model: MODEL,
  messages: question(content),
  max_tokens: 40,
  ...more,
});
const right = (content: string, maxTokens = 40): string => expectedText(promptKeyOfChat(question(content)), maxTokens);

describe('what it serves', () => {
  test('a stream is role, one token a chunk, a finish reason in the last one, usage when asked, and [DONE]', async () => {
    const answer = await streamed(shared.url, ask('hello', { max_tokens: 6, stream_options: { include_usage: true } }));
    expect(answer.text).toBe(right('hello', 6));
    expect(answer.events).toHaveLength(1 + 6 + 1 + 1);
    expect(answer.events[0]).toMatchObject({
      object: 'chat.completion.chunk',
      choices: [{ delta: { role: 'assistant', content: '' } }],
    });
    expect(answer.events[6]).toMatchObject({ choices: [{ finish_reason: 'length', stop_reason: null }] });
    expect(answer.events[7]).toMatchObject({ choices: [], usage: { completion_tokens: 6 } });
    expect(answer.events[8]).toBe('[DONE]');
    expect(answer.broke).toBeNull();
  });

  test('the same question is answered with the same text by another cluster under another model name', async () => {
    const other = await cluster({ name: 'us-b', model: 'other' });
    const { json } = await asked(other.url, '/v1/chat/completions', { ...ask('same?'), model: 'other' });
    expect(json).toMatchObject({ choices: [{ message: { content: right('same?') } }] });
  });

  test('a cut answer is continued exactly where it ended, inside a token too', async () => {
    const whole = right('go on', 30);
    for (const cut of [1, 16, 17, 40]) {
      const messages = [...question('go on'), { role: 'assistant', content: whole.slice(0, cut) }];
      const rest = await streamed(shared.url, {
        model: MODEL,
        messages,
        continue_final_message: true,
        add_generation_prompt: false,
        max_tokens: 60,
      });
      expect(whole.slice(0, cut) + rest.text).toMatch(new RegExp(`^${whole.replaceAll('.', '\\.')}`, 'u'));
    }
    const prompt = 'Once upon a time ';
    const told = expectedText(prompt, 30);
    const rest = await streamed(
      shared.url,
      { model: MODEL, prompt: prompt + told.slice(0, 50), max_tokens: 100 },
      '/v1/completions',
    );
    expect(told.slice(0, 50) + rest.text).toBe(expectedText(prompt, null).slice(0, 50 + rest.text.length));
  });

  test.each<[string, unknown, number, string]>([
    ['another model', { model: 'gpt-x', messages: question('hi') }, 404, 'does not exist'],
    [
      'a prompt over the context length',
      { model: MODEL, messages: question('x'.repeat(200_000)) },
      400,
      'maximum context length',
    ],
    ['broken JSON', '{"model":', 400, 'not valid JSON'],
    ['a list instead of an object', [], 400, 'JSON object'],
    ['no messages', { model: MODEL }, 400, 'messages'],
    ['max_tokens 0', { model: MODEL, messages: question('hi'), max_tokens: 0 }, 400, 'max_tokens'],
    [
      'one continuation flag without the other',
      { model: MODEL, messages: question('hi'), continue_final_message: true },
      400,
      'add_generation_prompt',
    ],
  ])('%s is the caller’s fault', async (_name, body, status, message) => {
    const answer = await asked(shared.url, '/v1/chat/completions', body);
    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({ error: { code: status, message: expect.stringContaining(message) as string } });
  });

  test('a body without end is refused', async () => {
    const answer = await asked(shared.url, '/v1/chat/completions', 'x'.repeat(9 * 1024 * 1024)).catch(
      (error: unknown) => error,
    );
    // Refused with 413, or the connection ends while the rest is still being sent.
    expect(answer instanceof TypeError || (answer as { status: number }).status === 413).toBe(true);
    expect((await asked(shared.url, '/health')).status).toBe(200);
  });

  test('the checks of the seed and the metrics of vLLM are there, and step and token counters move with each step', async () => {
    expect((await asked(shared.url, '/gpu-status')).json).toEqual({ status: 'healthy' });
    expect((await asked(shared.url, '/gpu-memory')).json).toMatchObject({ used_ratio: 0.62 });
    expect((await asked(shared.url, '/v1/models')).json).toMatchObject({ data: [{ id: MODEL }] });
    const before = [
      await metric(shared.url, 'vllm:generation_tokens_total'),
      await metric(shared.url, 'vllm:iteration_tokens_total_count'),
    ];
    await streamed(shared.url, ask('count', { max_tokens: 15 }));
    const after = [
      await metric(shared.url, 'vllm:generation_tokens_total'),
      await metric(shared.url, 'vllm:iteration_tokens_total_count'),
    ];
    expect((after[0] ?? 0) - (before[0] ?? 0)).toBe(15);
    expect((after[1] ?? 0) - (before[1] ?? 0)).toBeGreaterThanOrEqual(15);
    expect(await metric(shared.url, 'vllm:num_requests_running')).toBe(0);
  });

  test('a generic engine has no metrics page', async () => {
    const generic = await cluster({ engine: 'generic' });
    expect((await asked(generic.url, '/metrics')).status).toBe(404);
    expect((await asked(generic.url, '/gpu-status')).status).toBe(200);
  });

  test('the batch is bounded: what does not fit waits, and a full queue answers 503', async () => {
    const small = await cluster({ concurrency: 1, queueMax: 1 });
    const first = streamed(small.url, ask('one', { max_tokens: 100, ignore_eos: true }));
    await eventually(async () => (await metric(small.url, 'vllm:num_requests_running')) === 1);
    const second = streamed(small.url, ask('two', { max_tokens: 3 }));
    await eventually(async () => (await metric(small.url, 'vllm:num_requests_waiting')) === 1);
    expect((await asked(small.url, '/v1/chat/completions', ask('three'))).status).toBe(503);
    expect((await first).tokenAtMs.length).toBe(100);
    expect((await second).text).toBe(right('two', 3));
  });

  test('a prompt that was read before is answered sooner', async () => {
    const slowReader = await cluster({ prefillTokensPerSecond: 2_000 });
    const content = 'a long prompt '.repeat(200); // 700 tokens: 350 ms
    const cold = await streamed(slowReader.url, ask(content, { max_tokens: 2 }));
    const warm = await streamed(slowReader.url, ask(content, { max_tokens: 2 }));
    expect(cold.tokenAtMs[0]).toBeGreaterThan(330);
    expect(warm.tokenAtMs[0]).toBeLessThan(150);
    expect(await metric(slowReader.url, 'vllm:prefix_cache_hits_total')).toBeGreaterThan(600);
  });

  test('no first token comes sooner than it is set, and the others keep their pace', async () => {
    const slowStarter = await cluster({ firstTokenMs: 300 });
    const [first = 0, second = Infinity] = (await streamed(slowStarter.url, ask('patience', { max_tokens: 2 })))
      .tokenAtMs;
    expect(first).toBeGreaterThan(295);
    expect(second - first).toBeLessThan(200);
  });

  test('a client that leaves frees its place', async () => {
    const small = await cluster({ concurrency: 1 });
    await streamed(small.url, ask('leave', { max_tokens: 2_000, ignore_eos: true }), '/v1/chat/completions', 100);
    await eventually(async () => (await metric(small.url, 'vllm:num_requests_running')) === 0);
    const { text } = await asked(small.url, '/metrics');
    expect(text).toContain(`finished_reason="abort",model_name="${MODEL}"} 1.0`);
  });
});

describe('faults', () => {
  const long = { max_tokens: 2_000, ignore_eos: true };

  test('crash: running streams break, then connections are refused, and clearing brings it back on its port', async () => {
    const running = streamed(shared.url, ask('crash', long));
    await eventually(async () => (await metric(shared.url, 'vllm:num_requests_running')) === 1);
    await orderFault(shared.controlUrl, { kind: 'crash' });
    expect((await running).broke).not.toBeNull();
    await expect(asked(shared.url, '/health')).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await clearFaults(shared.controlUrl, 'crash');
    expect((await asked(shared.url, '/health')).status).toBe(200);
  });

  test('freeze: connections are taken by the kernel, nobody answers, and the stream goes on whole afterwards', async () => {
    const running = streamed(shared.url, ask('freeze', { max_tokens: 60, ignore_eos: true }));
    await eventually(async () => (await metric(shared.url, 'vllm:num_requests_running')) === 1);
    await orderFault(shared.controlUrl, { kind: 'blackhole' });
    await expect(asked(shared.url, '/health', undefined, 400)).rejects.toMatchObject({ name: 'TimeoutError' });
    await clearFaults(shared.controlUrl, null);
    const answer = await running;
    expect([answer.broke, answer.tokenAtMs.length, answer.finishReason]).toEqual([null, 60, 'length']);
  });

  test('a fault with a duration ends by itself', async () => {
    await orderFault(shared.controlUrl, { kind: 'crash', durationMs: 200 });
    await expect(asked(shared.url, '/health')).rejects.toThrow();
    await eventually(
      async () =>
        await asked(shared.url, '/health').then(
          () => true,
          () => false,
        ),
    );
    expect(shared.state().faults).toEqual([]);
  });

  test('hang: /health stays 200, requests run, steps stand still; cleared, all answers are whole', async () => {
    await orderFault(shared.controlUrl, { kind: 'hang' });
    const running = streamed(shared.url, ask('hang'));
    await eventually(async () => (await metric(shared.url, 'vllm:num_requests_running')) === 1);
    const steps = await metric(shared.url, 'vllm:iteration_tokens_total_count');
    expect((await asked(shared.url, '/health')).status).toBe(200);
    expect(await metric(shared.url, 'vllm:iteration_tokens_total_count')).toBe(steps);
    await clearFaults(shared.controlUrl, 'hang');
    expect((await running).text).toBe(right('hang'));
  });

  test('engine-gone: nothing runs, the queue grows, /health stays 200; its old requests end with an error', async () => {
    const before = streamed(shared.url, ask('before', long));
    await eventually(async () => (await metric(shared.url, 'vllm:num_requests_running')) === 1);
    await orderFault(shared.controlUrl, { kind: 'engine-gone' });
    const during = streamed(shared.url, ask('during'));
    await eventually(async () => (await metric(shared.url, 'vllm:num_requests_waiting')) === 1);
    expect(await metric(shared.url, 'vllm:num_requests_running')).toBe(0);
    expect((await asked(shared.url, '/health')).status).toBe(200);
    await clearFaults(shared.controlUrl, null);
    expect((await before).events.slice(-2)).toMatchObject([{ error: { code: 500 } }, '[DONE]']);
    expect((await during).text).toBe(right('during'));
  });

  test('decode-stall: the first token comes, the second does not', async () => {
    await orderFault(shared.controlUrl, { kind: 'decode-stall' });
    const answer = await streamed(shared.url, ask('stall'), '/v1/chat/completions', 500);
    expect([answer.tokenAtMs.length, answer.broke]).toEqual([1, 'silent']);
  });

  test('errors: exactly the ordered share fails, as a status or as the first event of a stream', async () => {
    await orderFault(shared.controlUrl, { kind: 'errors', share: 0.3, status: 502 });
    const statuses = [];
    for (let index = 0; index < 20; index += 1)
      statuses.push((await asked(shared.url, '/v1/chat/completions', ask('e', { max_tokens: 1 }))).status);
    expect(statuses.filter((status) => status === 502)).toHaveLength(6);
    await orderFault(shared.controlUrl, { kind: 'errors', share: 1, as: 'frame' });
    const answer = await streamed(shared.url, ask('frame'));
    expect([answer.status, answer.events]).toMatchObject([200, [{ error: { code: 500 } }, '[DONE]']]);
  });

  test.each<[string, string | null, unknown]>([
    ['reset', 'ECONNRESET', undefined],
    ['error-event', null, '[DONE]'],
    ['abort', null, '[DONE]'],
    ['bare-end', null, undefined],
  ])('cut-streams as %s ends after the tokens that were ordered', async (as, broke, lastEvent) => {
    await orderFault(shared.controlUrl, { kind: 'cut-streams', afterTokens: 4, as });
    const answer = await streamed(shared.url, ask('cut'));
    expect([answer.tokenAtMs.length, answer.broke, answer.finishReason]).toEqual([
      4,
      broke,
      as === 'abort' ? 'abort' : null,
    ]);
    if (lastEvent !== undefined) expect(answer.events.at(-1)).toBe(lastEvent);
    expect(right('cut').startsWith(answer.text)).toBe(true);
  });

  test('slow: checks and answers are late; slow-first-token: only the first token is', async () => {
    await orderFault(shared.controlUrl, { kind: 'slow', addedMs: 300, factor: 2 });
    await expect(asked(shared.url, '/gpu-status', undefined, 150)).rejects.toMatchObject({ name: 'TimeoutError' });
    expect((await streamed(shared.url, ask('slow', { max_tokens: 2 }))).tokenAtMs[0]).toBeGreaterThan(300);
    await clearFaults(shared.controlUrl, null);
    await orderFault(shared.controlUrl, { kind: 'slow-first-token', addedMs: 400 });
    const late = await streamed(shared.url, ask('late', { max_tokens: 10 }));
    expect(late.tokenAtMs[0]).toBeGreaterThan(390);
    expect((late.tokenAtMs.at(-1) ?? 0) - (late.tokenAtMs[0] ?? 0)).toBeLessThan(300);
  });

  test('garbage is complete, and wrong', async () => {
    await orderFault(shared.controlUrl, { kind: 'garbage' });
    const answer = await streamed(shared.url, ask('truth'));
    expect([answer.finishReason, right('truth').startsWith(answer.text)]).toEqual(['stop', false]);
  });

  test('wrong-model, gpu-lost, memory-high, quota and metrics-gone say so', async () => {
    const kinds = ['wrong-model', 'gpu-lost', 'memory-high', 'quota', 'metrics-gone'];
    for (const kind of kinds) await orderFault(shared.controlUrl, { kind });
    expect((await asked(shared.url, '/v1/models')).json).toMatchObject({ data: [{ id: `${MODEL}-other` }] });
    expect((await asked(shared.url, '/gpu-status')).json).toEqual({ status: 'unhealthy' });
    expect((await asked(shared.url, '/gpu-memory')).json).toMatchObject({ used_ratio: 0.98 });
    expect((await asked(shared.url, '/v1/chat/completions', ask('q'))).status).toBe(429);
    expect((await asked(shared.url, '/metrics')).status).toBe(404);
    await clearFaults(shared.controlUrl, 'quota');
    expect((await asked(shared.url, '/v1/chat/completions', ask('q'))).status).toBe(404);
    expect(
      shared
        .state()
        .faults.map((fault) => fault.kind)
        .sort(),
    ).toEqual(kinds.filter((kind) => kind !== 'quota').sort());
  });

  test('stale-metrics: the page stands still while the engine works', async () => {
    await orderFault(shared.controlUrl, { kind: 'stale-metrics' });
    const page = (await asked(shared.url, '/metrics')).text;
    await streamed(shared.url, ask('stale'));
    expect((await asked(shared.url, '/metrics')).text).toBe(page);
    await clearFaults(shared.controlUrl, null);
    expect((await asked(shared.url, '/metrics')).text).not.toBe(page);
  });

  test('overload: the batch is full, the queue and the preemptions grow, steps go on, answers are right', async () => {
    await orderFault(shared.controlUrl, { kind: 'overload', queuePerSecond: 100 });
    const steps = await metric(shared.url, 'vllm:iteration_tokens_total_count');
    await eventually(async () => (await metric(shared.url, 'vllm:num_requests_waiting')) > 10);
    await eventually(async () => (await metric(shared.url, 'vllm:num_preemptions_total')) > 0);
    expect(await metric(shared.url, 'vllm:num_requests_running')).toBe(64);
    expect(await metric(shared.url, 'vllm:iteration_tokens_total_count')).toBeGreaterThan(steps);
    expect((await streamed(shared.url, ask('busy', { max_tokens: 5 }))).text).toBe(right('busy', 5));
  });

  test('cold: refused, then loading with 503, then serving with an empty cache', async () => {
    await streamed(shared.url, ask('cached '.repeat(50), { max_tokens: 1 }));
    await orderFault(shared.controlUrl, { kind: 'cold', refusedMs: 300 });
    await expect(asked(shared.url, '/health')).rejects.toThrow();
    await eventually(async () => (await asked(shared.url, '/health').catch(() => null))?.status === 503);
    expect((await asked(shared.url, '/v1/chat/completions', ask('cold'))).status).toBe(503);
    await clearFaults(shared.controlUrl, 'cold');
    await streamed(shared.url, ask('cached '.repeat(50), { max_tokens: 1 }));
    expect(await metric(shared.url, 'vllm:prefix_cache_hits_total')).toBe(0);
  });

  test('flap: away and back, again and again, until it is cleared', async () => {
    const up = async (): Promise<boolean> =>
      await asked(shared.url, '/health').then(
        () => true,
        () => false,
      );
    await orderFault(shared.controlUrl, { kind: 'flap', periodMs: 1_500 });
    for (let round = 0; round < 2; round += 1) {
      await eventually(async () => !(await up()));
      await eventually(up);
    }
    await clearFaults(shared.controlUrl, 'flap');
    expect(await up()).toBe(true);
  });
});
