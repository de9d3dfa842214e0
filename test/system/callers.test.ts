/** The main promise, from the caller's side: a cluster dies, hangs or is left on purpose, and a thousand callers go on (`npm run test:long`: more). */
import { afterEach, expect, test } from 'vitest';
import type { LoadResult } from '../../src/simulator/load-request.js';
import { startLoad, type LoadRun } from '../../src/simulator/load.js';
import { eventually } from '../kit/eventually.js';
import { startInstance, type TestInstance } from '../kit/instance.js';
import { runs } from '../kit/runs.js';

const TOTAL = runs(1_000);
/** Steady, and little enough that the standby's room is no question: about 15 requests run at a time. */
const RATE = 40;
/** Requests before the fault: the steady state that must not be felt to end. */
const BEFORE = 200;

let instance: TestInstance;
afterEach(async () => await instance.stop());

interface Load {
  readonly run: LoadRun;
  readonly results: readonly LoadResult[];
}

/** Half of the requests stream; every answer is compared with the one that its prompt must give. */
async function steadyLoad(): Promise<Load> {
  const results: LoadResult[] = [];
  const url = `${instance.info().gateway.url}/v1`.replace('/v1/v1', '/v1');
  const run = startLoad({
    url,
    model: 'chat',
    requestsPerSecond: RATE,
    streamShare: 0.5,
    total: TOTAL,
    maxTokens: 24,
    timeoutMs: 60_000,
    onResult: (r) => results.push(r),
  });
  await eventually(() => results.length >= BEFORE, 60_000);
  return { run, results };
}

/** Every answer is right, whole and there: what was streaming from the dead cluster was continued on another one. */
function expectServed(results: readonly LoadResult[]): void {
  expect(results).toHaveLength(TOTAL);
  expect(results.filter((r) => r.verdict !== 'ok')).toEqual([]);
}

test('a cluster crashes: the failover ends done, and everybody is served, whoever was streaming from it too', async () => {
  instance = await startInstance();
  const { run, results } = await steadyLoad();
  await instance.fault('eu-a', 'crash');
  const move = await instance.moves(1);
  await run.done;
  expect(move).toMatchObject({
    kind: 'failover',
    state: 'done',
    by: 'understudy',
    weights: { 'eu-a': 0, 'us-b': 100 },
  });
  expect(move.report.requests).toMatchObject({ lost: 0, cut: 0 });
  expectServed(results);
  expect(results.filter((r) => r.servedBy === 'us-b').length).toBeGreaterThan(TOTAL / 2);
});

test('an engine hangs while its health page says 200: the same', async () => {
  instance = await startInstance();
  const { run, results } = await steadyLoad();
  await instance.fault('eu-a', 'hang');
  const move = await instance.moves(1);
  await run.done;
  expect(move).toMatchObject({ kind: 'failover', state: 'done', weights: { 'eu-a': 0, 'us-b': 100 } });
  expectServed(results);
});

test('a planned switchover under load loses nothing and cuts nothing', async () => {
  instance = await startInstance();
  const { run, results } = await steadyLoad();
  await instance.mustWork(
    'switchover',
    'chat',
    '--to',
    'us-b',
    '--reason',
    'kernel upgrade',
    '--by',
    'tester',
    '--wait',
  );
  await run.done;
  const move = await instance.moves(1);
  expect(move).toMatchObject({ kind: 'switchover', state: 'done', by: 'tester', weights: { 'eu-a': 0, 'us-b': 100 } });
  expect(move.report.requests).toMatchObject({ lost: 0, cut: 0 });
  expectServed(results);
});
