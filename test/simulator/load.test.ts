/** The load generator: every answer is judged, and the counts add up. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runSimulatedCluster, type SimulatedCluster } from '../../src/simulator/cluster.js';
import { clearFaults, orderFault } from '../../src/simulator/control-client.js';
import { startLoad, type LoadOptions } from '../../src/simulator/load.js';
import type { LoadResult } from '../../src/simulator/load-request.js';
import type { LoadSummary } from '../../src/simulator/load-summary.js';
import { serveEntry } from '../kit/compiled.js';

const MODEL = 'llama-3.1-70b';
let cluster: SimulatedCluster;

beforeAll(async () => {
  cluster = await runSimulatedCluster({ name: 'eu-a', tokensPerSecond: 500, serveEntry: serveEntry() });
});
afterEach(async () => {
  await clearFaults(cluster.controlUrl, null);
});
afterAll(async () => {
  await cluster.close();
});

async function load(options: Partial<LoadOptions> = {}): Promise<LoadSummary> {
  return await startLoad({
    url: cluster.url,
    model: MODEL,
    requestsPerSecond: 200,
    total: 40,
    maxTokens: 10,
    ...options,
  }).done;
}

test('a well cluster answers all of it right, half of it in streams, and is named', async () => {
  const results: LoadResult[] = [];
  const summary = await load({ total: 100, onResult: (result) => results.push(result) });
  expect(summary).toMatchObject({
    sent: 100,
    inFlight: 0,
    ok: 100,
    lost: 0,
    cut: 0,
    wrong: 0,
    streams: 50,
    byCluster: { 'eu-a': 100 },
    failures: {},
  });
  expect(summary.firstTokenMs?.p50).toBeGreaterThan(0);
  expect(results).toHaveLength(100);
  expect(results.every((r) => r.startedAtMs <= (r.firstByteAtMs ?? 0) && (r.firstByteAtMs ?? 0) <= r.endedAtMs)).toBe(
    true,
  );
});

describe('a broken cluster is told apart by what callers got', () => {
  test.each<[string, Record<string, unknown>, Partial<LoadSummary>]>([
    [
      'errors before the first token are lost',
      { kind: 'errors', share: 0.25 },
      { ok: 30, lost: 10, cut: 0, wrong: 0, failures: { 'http-500': 10 } },
    ],
    [
      'so are errors in the first event',
      { kind: 'errors', share: 1, as: 'frame' },
      { lost: 40, failures: { 'error-event': 20, 'http-500': 20 } },
    ],
    ['reset streams are cut', { kind: 'cut-streams', as: 'reset' }, { ok: 20, cut: 20, lost: 0 }],
    [
      'streams that end with [DONE] after an error are cut',
      { kind: 'cut-streams', as: 'error-event' },
      { ok: 20, cut: 20, failures: { 'error-event': 20 } },
    ],
    [
      'streams that end as aborted are cut',
      { kind: 'cut-streams', as: 'abort' },
      { ok: 20, cut: 20, failures: { 'finish-abort': 20 } },
    ],
    [
      'streams without a finish reason are cut',
      { kind: 'cut-streams', as: 'bare-end' },
      { ok: 20, cut: 20, failures: { 'no-finish': 20 } },
    ],
    ['garbage is wrong', { kind: 'garbage' }, { ok: 0, wrong: 40, failures: { 'text-differs': 40 } }],
    ['quota is lost to the caller', { kind: 'quota' }, { lost: 40, failures: { 'http-429': 40 } }],
    ['refused connections are lost', { kind: 'crash' }, { lost: 40, byCluster: { nobody: 40 } }],
  ])('%s', async (_name, fault, counts) => {
    await orderFault(cluster.controlUrl, { kind: 'errors', ...fault });
    expect(await load({ promptKinds: ['short', 'shared', 'chat', 'completion'] })).toMatchObject(counts);
  });

  test('silence is lost after the timeout', async () => {
    await orderFault(cluster.controlUrl, { kind: 'hang' });
    expect(await load({ total: 4, timeoutMs: 200 })).toMatchObject({ lost: 4, failures: { timeout: 4 } });
  });
});

test('a clean end with words missing is wrong, not ok', async () => {
  const server = createServer((_req, res) => {
    res
      .writeHead(200, { 'content-type': 'application/json' })
      .end('{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  expect(await load({ url, total: 3, streamShare: 0 })).toMatchObject({ wrong: 3, failures: { 'text-short': 3 } });
  server.close();
});

test('of a stream the longest wait between tokens is told, and whether a gateway continued it', async () => {
  const server = createServer((_req, res) => {
    res
      .writeHead(200, { 'content-type': 'text/event-stream' })
      .write('data: {"choices":[{"delta":{"content":"A"}}]}\n\n');
    setTimeout(() => {
      res.end(
        'data: {"choices":[{"delta":{"content":"B"}}]}\n\n: understudy continued=1 from=a to=b\n\ndata: [DONE]\n\n',
      );
    }, 300);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const results: LoadResult[] = [];
  await load({ url, total: 1, streamShare: 1, onResult: (result) => results.push(result) });
  expect(results[0]).toMatchObject({ continued: true });
  expect(results[0]?.gapMsMax).toBeGreaterThanOrEqual(250); // the first token may come late, the second one does not
  server.close();
});

test('the loop is open: requests leave on time while none has ended, up to the bound, and the late ones still leave', async () => {
  await orderFault(cluster.controlUrl, { kind: 'hang' });
  const run = startLoad({
    url: cluster.url,
    model: MODEL,
    requestsPerSecond: 500,
    total: 30,
    maxTokens: 5,
    concurrencyMax: 10,
  });
  await expect.poll(() => run.summary().inFlight, { timeout: 3_000 }).toBe(10);
  await clearFaults(cluster.controlUrl, 'hang');
  const summary = await run.done;
  expect(summary).toMatchObject({ sent: 30, ok: 30 });
  expect(summary.delayed).toBeGreaterThan(0);
});

test('stop() sends nothing more and finishes what runs', async () => {
  const run = startLoad({ url: cluster.url, model: MODEL, requestsPerSecond: 100 });
  await expect.poll(() => run.summary().sent, { timeout: 3_000 }).toBeGreaterThan(10);
  const summary = await run.stop();
  expect(summary.sent).toBe(summary.ok);
  expect(run.summary().sent).toBe(summary.sent);
});

test.each([
  'http://example.com',
  'https://127.0.0.1',
  'http://127.0.0.1.example.com',
  'http://10.0.0.1:8000',
  'nonsense',
  'http://localhost@example.com',
])('%s is no target', (url) => {
  expect(() => startLoad({ url, model: MODEL, requestsPerSecond: 1, total: 1 })).toThrow(
    'expected an http URL of this machine',
  );
});
