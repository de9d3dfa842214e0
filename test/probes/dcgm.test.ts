/** DCGM exporters as a source, over real HTTP. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ClusterSpec } from '../../src/domain/fleet.js';
import { probeDefaults } from '../../src/domain/health/probe-defaults.js';
import { probeGpu } from '../../src/probes/gpu.js';
import { probeMemory } from '../../src/probes/memory.js';
import { clusterSpec } from '../kit/fleet.js';

/** Cards of two pods: `llm-0` is well and three quarters full, `llm-1` has left the bus and is nine tenths full. */
const PAGE = readFileSync(new URL('../fixtures/engines/dcgm-exporter-metrics.txt', import.meta.url), 'utf8');

let server: Server;
let asked = 0;
let status = 200;

beforeEach(async () => {
  asked = 0;
  status = 200;
  server = createServer((req, res) => {
    asked += 1;
    res.writeHead(req.url === '/metrics' ? status : 404).end(PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const page = (path = '/metrics'): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

function cluster(urls: readonly string[], labels: Record<string, string> = {}): ClusterSpec {
  const dcgm = { urls, labels };
  return clusterSpec('c', {
    probes: {
      ...probeDefaults('vllm'),
      gpu: { path: '/gpu-status', timeoutMs: 1_000, dcgm },
      memory: { path: '/gpu-memory', timeoutMs: 1_000, usedMax: 0.95, dcgm },
    },
  });
}

test('a card that has left the bus is unhealthy, whatever the rest of the node says', async () => {
  expect(await probeGpu(cluster([page()]))).toEqual({ healthy: false, xid: 79 });
  expect(await probeMemory(cluster([page()]))).toEqual({ used: 0.9 });
});

test('of a shared node only the own cards count', async () => {
  expect(await probeGpu(cluster([page()], { pod: 'llm-0' }))).toEqual({ healthy: true });
  expect(await probeMemory(cluster([page()], { pod: 'llm-0' }))).toEqual({ used: 0.75 });
});

test('gpu and memory of one tick, and of the clusters of a node, cost one page', async () => {
  const one = cluster([page()], { pod: 'llm-0' });
  const two = cluster([page()], { pod: 'llm-1' });
  await Promise.all([probeGpu(one), probeMemory(one), probeGpu(two), probeMemory(two)]);
  expect(asked).toBe(1);
  await probeGpu(one);
  expect(asked).toBe(2);
});

test('several nodes: a bad card is bad even if another node is silent, and well needs every node', async () => {
  expect(await probeGpu(cluster([page(), page('/elsewhere')]))).toEqual({ healthy: false, xid: 79 });
  expect(await probeGpu(cluster([page(), page('/elsewhere')], { pod: 'llm-0' }))).toBeNull();
  expect(await probeMemory(cluster([page(), page('/elsewhere')]))).toBeNull();
});

test('an exporter that fails says nothing', async () => {
  status = 500;
  expect(await probeGpu(cluster([page()]))).toBeNull();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  expect(await probeMemory(cluster(['http://127.0.0.1:1/metrics']))).toBeNull();
});
