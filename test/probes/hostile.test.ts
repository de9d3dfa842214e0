/** A target that means harm costs a prober bounded time, bytes and memory, teaches it nothing, and leaves nothing open. */
import { spawn } from 'node:child_process';
import { once, getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { beginVantage, reportVantage, type VantageHealth } from '../../src/domain/health/vantage.js';
import { PAGE_MAX } from '../../src/engines/prometheus.js';
import { createWatcher } from '../../src/probes/watcher.js';
import { clusterSpec } from '../kit/fleet.js';
import { eventually } from '../kit/eventually.js';
import { probeEverything } from './all-probes.js';
import { ATTACKS, HostileTarget, type AttackName } from './hostile-target.js';

const TIMEOUT_MS = 300;
/** For a machine with other work to do. */
const SLACK_MS = 1_500;
/** What lies in the buffers of both kernels' sockets besides what was read. */
const IN_FLIGHT_BYTES = 8 * 1024 * 1024;
const KEPT_ALIVE_MAX = 8;

const NAMES = Object.keys(ATTACKS) as AttackName[];

async function against<T>(name: AttackName, use: (target: HostileTarget) => Promise<T>): Promise<T> {
  const target = await HostileTarget.start(name);
  try {
    return await use(target);
  } finally {
    await target.stop();
  }
}

describe('every probe at once against', () => {
  test.each(NAMES)('%s: in time, bounded, nothing believed, nothing left open', async (name) => {
    await against(name, async (target) => {
      const stranger = createServer((_req, res) => res.end());
      await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
      let visited = 0;
      stranger.on('connection', () => (visited += 1));
      target.elsewhere = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`;
      const life = new AbortController();
      const started = performance.now();

      const seen = await probeEverything(target.url, TIMEOUT_MS, life.signal);

      expect(performance.now() - started).toBeLessThan(TIMEOUT_MS + SLACK_MS);
      expect(seen).toMatchObject({ gpu: null, memory: null, dcgmGpu: null, dcgmMemory: null, metrics: null });
      expect(seen.identity).toBeNull();
      expect(seen.generation.ok).toBe(false);
      expect(seen.http).not.toBeNull();
      expect(target.mostTaken).toBeLessThan(PAGE_MAX + IN_FLIGHT_BYTES);
      expect(visited, 'a redirect was followed').toBe(0);
      expect(getEventListeners(life.signal, 'abort')).toEqual([]);
      await eventually(() => target.open <= KEPT_ALIVE_MAX, 5_000);
      stranger.close();
    });
  });
});

test.each<AttackName>(['silence', 'an endless body', 'a body that comes byte by byte', 'a gigantic header'])(
  '%s: its connections are closed, not kept',
  async (name) => {
    await against(name, async (target) => {
      await probeEverything(target.url, TIMEOUT_MS, new AbortController().signal);
      await eventually(() => target.attacked === 0, 5_000);
    });
  },
);

test('a completion that never ends is heard out no further than its limit, long before its time is up', async () => {
  await against('an event stream that never ends', async (target) => {
    const started = performance.now();
    const { generation } = await probeEverything(target.url, 10_000, new AbortController().signal);
    expect(generation).toMatchObject({ ok: false, error: 'endless' });
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

test('we never ask for compression, so a bomb stays as small as it came', async () => {
  await against('a compressed bomb', async (target) => {
    await probeEverything(target.url, TIMEOUT_MS, new AbortController().signal);
    expect(target.heads.length).toBeGreaterThan(0);
    for (const head of target.heads) expect(head.toLowerCase()).not.toContain('accept-encoding');
  });
});

test('what a target says cannot move the cursor of whoever reads the evidence', async () => {
  const server = createServer((_req, res) => res.writeHead(500).end('\u001b[2J\u202eevil\u0000\r\nline'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { http } = await probeEverything(url, TIMEOUT_MS, new AbortController().signal);
  server.closeAllConnections();
  server.close();
  expect(http?.body).toBe('[2J evil line');
});

test('what a target says makes no heartbeat and no signal large', async () => {
  const much = '\u4e00\u001b[2J'.repeat(8_000);
  const server = createServer((req, res) => {
    if (req.url === '/health') return void res.writeHead(503).end(`loading ${much}`);
    if (req.url === '/v1/models') return void res.end(JSON.stringify({ data: [{ id: much }] }));
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    const word = { choices: [{ delta: { content: 'x' } }] };
    res.end(`data: ${JSON.stringify(word)}\n\ndata: ${JSON.stringify({ choices: [{ finish_reason: much }] })}\n\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cluster = clusterSpec('eu-a', {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    model: 'm',
    health: { intervalMs: 50, fall: 1, rise: 5, gray: { failures: 5, of: 10 } },
  });
  const life = new AbortController();
  const sources = { trafficState: async () => await Promise.resolve(null) };
  const watcher = createWatcher({ cluster, services: [], sources, signal: life.signal, now: Date.now });
  let health: VantageHealth = beginVantage(Date.now());
  const blamed = (): boolean =>
    (['http', 'identity', 'generation'] as const).every((dimension) => health.dimensions[dimension].failures > 0);
  for (let step = 0; step < 100 && !blamed(); step += 1) health = await watcher.step(health);
  watcher.close();
  server.closeAllConnections();
  server.close();
  expect(blamed()).toBe(true);
  expect(Buffer.byteLength(JSON.stringify(health))).toBeLessThan(16 * 1024);
  expect(Buffer.byteLength(JSON.stringify(reportVantage(health, 'local', Date.now())))).toBeLessThan(8 * 1024);
});

test('a caller that gives up is answered at once, and its connections go', async () => {
  await against('silence', async (target) => {
    const life = new AbortController();
    const asked = probeEverything(target.url, 60_000, life.signal);
    await eventually(() => target.heads.length > 0);
    const stoppedAt = performance.now();
    life.abort();
    expect((await asked).http).toMatchObject({ error: 'cancelled' });
    expect(performance.now() - stoppedAt).toBeLessThan(SLACK_MS);
    await eventually(() => target.attacked === 0, 5_000);
  });
});

test('memory does not grow with the number of attacks', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = (): number => {
    collect();
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    return (heapUsed + external + arrayBuffers) / 2 ** 20;
  };
  const attack = async (rounds: number): Promise<void> => {
    const life = new AbortController();
    for (const name of ['an endless body', 'an event stream that never ends', 'a gigantic header'] as const)
      await against(name, async (target) => {
        for (let i = 0; i < rounds; i += 1) await probeEverything(target.url, TIMEOUT_MS, life.signal);
      });
  };
  await attack(2);
  const before = held();
  await attack(12);
  // What the server's side of this process still had in its buffers goes a moment later.
  await eventually(() => held() - before < 24, 10_000);
}, 60_000);

test('a process that has probed them all has nothing left to wait for', async () => {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('hostile-visit.ts', import.meta.url))],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, 'exit')) as [number | null];
  expect({ code, said: said.trim() }).toEqual({ code: 0, said: `visited ${NAMES.length}` });
}, 60_000);
