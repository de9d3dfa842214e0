/**
 * The data plane alone, with no controller anywhere: whatever happens to the cluster that serves, hundreds of callers,
 * half of them with streams, get the answers that their prompts must give. `npm run bench:outage` plays more of it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { FaultOrder } from '../../src/simulator/control-client.js';
import type { LoadResult } from '../../src/simulator/load-request.js';
import { startLoad } from '../../src/simulator/load.js';
import { eventually } from '../kit/eventually.js';
import { freePortBase } from '../kit/ports.js';
import { fleetYaml, startFleet, type TestFleet } from '../kit/simulated-fleet.js';

const BIN = fileURLToPath(new URL('../../bin/understudy.js', import.meta.url));
const RATE = 40;
const TOTAL = 300;
/** Requests that have their answers before the fault comes. */
const BEFORE = 60;
const CLUSTERS = ['eu-a', 'us-b'];

let fleet: TestFleet;
let config = '';
let gateway: Gateway;
const dir = mkdtempSync(join(tmpdir(), 'understudy-data-plane-'));

interface Gateway {
  readonly process: ChildProcess;
  readonly url: string;
}

beforeAll(async () => {
  const portBase = await freePortBase();
  fleet = await startFleet(portBase, CLUSTERS);
  config = join(dir, 'fleet.yaml');
  const limits = 'gateway: { idleTimeout: 4s, firstByteTimeout: 4s }';
  writeFileSync(config, `version: 1\n${limits}\n${fleetYaml(portBase, CLUSTERS)}`);
});
/** A new one each time: it remembers how often a cluster has failed. */
beforeEach(async () => {
  gateway = await startGateway();
});
afterEach(async () => {
  gateway.process.kill('SIGTERM');
  await fleet.clear('eu-a');
  await eventually(() => gateway.process.exitCode !== null || gateway.process.signalCode !== null);
});
afterAll(async () => {
  await fleet.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function startGateway(): Promise<Gateway> {
  const args = ['gateway', '--config', config, '--port', '0', '--admin-port', '0', '--data-dir', dir];
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ready = (): string | undefined => /"event":"ready","url":"([^"]+)"/.exec(said)?.[1];
  await eventually(() => ready() !== undefined, 30_000);
  return { process: child, url: ready() ?? '' };
}

test.each<[string, FaultOrder, 'continued' | 'retried']>([
  ['is killed', { kind: 'crash' }, 'continued'],
  ['is stopped', { kind: 'freeze' }, 'continued'],
  ['answers 500', { kind: 'errors', share: 1, status: 500 }, 'retried'],
  ['resets its streams', { kind: 'cut-streams', share: 1, as: 'reset' }, 'continued'],
  ['ends its streams with an error', { kind: 'cut-streams', share: 1, as: 'error-event' }, 'continued'],
  ['aborts its streams', { kind: 'cut-streams', share: 1, as: 'abort' }, 'continued'],
  ['speaks a first token and no more', { kind: 'decode-stall' }, 'continued'],
])('a cluster %s: every answer is there, whole and right', async (_what, order, streams) => {
  const results: LoadResult[] = [];
  const run = startLoad({
    url: gateway.url,
    model: 'chat',
    requestsPerSecond: RATE,
    total: TOTAL,
    maxTokens: 40,
    timeoutMs: 60_000,
    onResult: (result) => results.push(result),
  });
  await eventually(() => results.length >= BEFORE, 60_000);
  expect(results.filter((r) => r.servedBy === 'eu-a').length).toBeGreaterThan(BEFORE / 2);
  await fleet.fault('eu-a', order);
  await run.done;
  expect(results).toHaveLength(TOTAL);
  expect(results.filter((r) => r.verdict !== 'ok')).toEqual([]);
  expect(results.filter((r) => r.stream)).toHaveLength(TOTAL / 2);
  expect(results.some((r) => r.continued)).toBe(streams === 'continued');
  // Named is who began an answer. While whole answers keep coming, a cluster that breaks its streams may stay in.
  if (streams === 'retried') expect(results.some((r) => r.servedBy === 'us-b')).toBe(true);
});
