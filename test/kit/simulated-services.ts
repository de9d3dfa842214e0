/** Many services in one instance: simulated clusters whose serving children are processes of their own, and callers of each service. */
import type { LoadResult } from '../../src/simulator/load-request.js';
import { startLoad, type LoadRun } from '../../src/simulator/load.js';
import { runSimulatedCluster, type SimulatedCluster } from '../../src/simulator/cluster.js';
import type { ActiveFault } from '../../src/simulator/faults.js';
import { parseFaultOrder } from '../../src/simulator/fault-order.js';
import { freePorts } from './ports.js';
import { MODEL } from './simulated-fleet.js';

/** More than all services of a test together ask of a standby that they share. */
const CONCURRENCY = 256;

export interface TestService {
  readonly name: string;
  readonly primary: string;
  readonly standby: string;
}

export type TestClusters = ReadonlyMap<string, SimulatedCluster>;

export async function startClusters(names: readonly string[]): Promise<TestClusters> {
  const ports = await freePorts(2 * names.length);
  const started = await Promise.all(
    names.map(async (name, i) => {
      const [port = 0, controlPort = 0] = ports.slice(2 * i);
      return await runSimulatedCluster({ name, port, controlPort, model: MODEL, concurrency: CONCURRENCY });
    }),
  );
  return new Map(started.map((cluster) => [cluster.name, cluster]));
}

/** Puts a fault on, and resolves when it is felt. @throws Error for a cluster that is not there */
export async function putFault(
  clusters: TestClusters,
  name: string,
  order: { readonly kind: string; readonly durationMs?: number; readonly [param: string]: unknown },
): Promise<ActiveFault> {
  const cluster = clusters.get(name);
  if (cluster === undefined) throw new Error(`no cluster is called ${name}`);
  const { fault, durationMs } = parseFaultOrder(order);
  return await cluster.putFault(fault, durationMs);
}

export async function closeClusters(clusters: TestClusters): Promise<void> {
  await Promise.all([...clusters.values()].map(async (cluster) => await cluster.close()));
}

/** Clusters and services as YAML; nothing goes home by itself. */
export function servicesYaml(
  clusters: TestClusters,
  services: readonly TestService[],
  vantages: readonly string[],
): string {
  return [
    'version: 1',
    `vantages: [${vantages.join(', ')}]`,
    'clusters:',
    ...[...clusters.values()].map(
      ({ name, url }) =>
        `  ${name}: { url: "${url}", region: r, engine: vllm, model: ${MODEL}, capacity: { concurrency: ${CONCURRENCY} } }`,
    ),
    'services:',
    ...services.map(
      ({ name, primary, standby }) =>
        `  ${name}: { clusters: [ { name: ${primary}, role: primary }, { name: ${standby}, role: standby } ], failback: { policy: never } }`,
    ),
    '',
  ].join('\n');
}

export interface Callers {
  readonly results: readonly LoadResult[];
  readonly run: LoadRun;
}

/** Real requests for one service, half of them streams, every answer compared with the one that its prompt must give. */
export function callService(url: string, service: string, requestsPerSecond: number): Callers {
  const results: LoadResult[] = [];
  const run = startLoad({
    url,
    model: service,
    requestsPerSecond,
    maxTokens: 16,
    timeoutMs: 60_000,
    onResult: (result) => results.push(result),
  });
  return { results, run };
}
