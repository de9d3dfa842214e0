/** Where bench:outage plays: two simulated clusters behind the whole of Understudy, one process each. */
import type { ChildProcess } from 'node:child_process';
import { parseFleet } from '../../../src/config/load.js';
import { applyFleet } from '../../../src/control/apply.js';
import { openControl, type Control } from '../../../src/control/control.js';
import { readGuard } from '../../../src/control/guards.js';
import { switchover } from '../../../src/control/verbs.js';
import { waitForMove } from '../../../src/control/wait.js';
import type { MoveRecord } from '../../../src/domain/move-record.js';
import type { WorkersNow } from '../../../src/gateway/data-plane.js';
import { clearFaults, orderFault, type FaultOrder } from '../../../src/simulator/control-client.js';
import { freePorts } from '../../kit/ports.js';
import { openGateway } from '../../../src/traffic/gateway.js';
import { eventually } from '../../kit/eventually.js';
import { openStage, type Stage } from '../stage.js';
import { connectionsOf } from './connections.js';

export const SERVICE = 'chat';
const CLUSTERS = ['one', 'two'] as const;
export type Name = (typeof CLUSTERS)[number];

/** Silence after which a stream is left; shorter than the default, so that the bench is over within minutes. */
export const IDLE_TIMEOUT_MS = 3_000;
/** Pace of a simulated stream. */
export const TOKEN_EVERY_MS = 20;
export const MODEL = 'llama-3.1-70b';
/** So fast that the prompts of all broken streams, which come at once, are no queue: the gap is to show the gateway. */
const PREFILL_PER_SECOND = 1_000_000;
/** What a real vLLM of this pace (43 tokens/s) takes for one request, measured on two cores with a tiny model; ms. */
const FIRST_TOKEN_MS = 42;
/** A broken cluster is well again after `rise` probes; the guard may take as long to say so. */
const CALM_MS_MAX = 120_000;

export interface Scene {
  readonly gatewayUrl: string;
  /** Of the cluster itself, past the gateway. */
  urlOf(cluster: Name): string;
  /** The cluster that carries the traffic now. */
  carrier(): Promise<Name>;
  fault(cluster: Name, order: FaultOrder): Promise<void>;
  /** Mends everything and waits until both clusters are known to be well and nothing moves. */
  calm(): Promise<void>;
  /** A planned move of all traffic to the other cluster, to its end. */
  moveAway(): Promise<MoveRecord>;
  /** Kills one of the gateway's processes that serve; answers how many connections of callers it had. */
  killWorker(): Promise<number>;
  close(): Promise<void>;
}

interface Address {
  readonly serve: number;
  readonly control: number;
}

function configOf(addresses: Readonly<Record<Name, Address>>): string {
  return [
    'version: 1',
    `gateway: { idleTimeout: ${IDLE_TIMEOUT_MS}ms, firstByteTimeout: 5s }`,
    'clusters:',
    ...CLUSTERS.map(
      (name) =>
        `  ${name}: { url: "http://127.0.0.1:${addresses[name].serve}", region: ${name}, engine: vllm, model: ${MODEL}, capacity: { concurrency: 1024 } }`,
    ),
    'services:',
    `  ${SERVICE}:`,
    '    clusters: [ { name: one, role: primary }, { name: two, role: standby } ]',
    // Shorter than the longest answers: what still runs at its end is handed over in the middle.
    '    move: { bake: 200ms, drainTimeout: 100ms }',
    '    failback: { policy: never }',
    '',
  ].join('\n');
}

/** With more than one worker the gateway serves in processes of their own. */
export async function openScene(workers: number): Promise<Scene> {
  const [a = 0, b = 0, c = 0, d = 0] = await freePorts(4);
  const addresses = { one: { serve: a, control: b }, two: { serve: c, control: d } };
  const config = configOf(addresses);
  const stage = await openStage(config, ['--workers', `${workers}`]);
  try {
    await Promise.all(CLUSTERS.map(async (name) => await startCluster(stage, name, addresses[name])));
    const { address, adminUrl } = stage;
    await stage.run('worker', 'probe', '--vantage', 'local', '--address', address, '--gateway-admin', adminUrl);
    await applyFleet(stage.client, parseFleet(config, 'bench.yaml'), { dryRun: false });
    const control = await openControl({ address, namespace: 'default' });
    const scene = sceneOn(stage, control, addresses);
    await scene.calm();
    return scene;
  } catch (error) {
    await stage.close();
    throw error;
  }
}

function sceneOn(stage: Stage, control: Control, addresses: Readonly<Record<Name, Address>>): Scene {
  const layer = openGateway({ adminUrl: stage.adminUrl, token: null, timeoutMs: 5_000 });
  const controlUrl = (name: Name): string => `http://127.0.0.1:${addresses[name].control}`;
  const carrier = async (): Promise<Name> => {
    const { effective } = await layer.read(SERVICE);
    return (effective['one'] ?? 0) >= (effective['two'] ?? 0) ? 'one' : 'two';
  };
  return {
    gatewayUrl: stage.gatewayUrl,
    urlOf: (name) => `http://127.0.0.1:${addresses[name].serve}`,
    carrier,
    fault: async (cluster, order) => void (await orderFault(controlUrl(cluster), order)),
    calm: async () => {
      for (const name of CLUSTERS) await clearFaults(controlUrl(name), null);
      await eventually(async () => await isCalm(control), CALM_MS_MAX);
    },
    moveAway: async () => {
      const to = (await carrier()) === 'one' ? 'two' : 'one';
      const order = { to, by: 'bench', reason: 'bench:outage', via: 'cli' } as const;
      const { id } = await switchover(control, SERVICE, order);
      return await waitForMove(control, id, () => undefined, { silenceMsMax: 60_000 });
    },
    killWorker: async () => {
      const pid = await workerOf(stage.adminUrl);
      const connections = connectionsOf(pid, Number(new URL(stage.gatewayUrl).port));
      process.kill(pid, 'SIGKILL');
      return connections;
    },
    close: async () => {
      await control.close();
      await stage.close();
    },
  };
}

/** Any of the processes that serve. */
async function workerOf(adminUrl: string): Promise<number> {
  const state = (await (await fetch(`${adminUrl}/state`)).json()) as { workers?: WorkersNow };
  const [worker] = state.workers?.serving ?? [];
  if (worker === undefined) throw new Error('the gateway does not serve in workers');
  return worker.pid;
}

async function isCalm(control: Control): Promise<boolean> {
  try {
    const { clusters, move } = await readGuard(control, SERVICE);
    return move === null && clusters.every((cluster) => cluster.verdict === 'healthy');
  } catch {
    return false; // its workflow is just being started
  }
}

async function startCluster(stage: Stage, name: Name, { serve, control }: Address): Promise<ChildProcess> {
  const ports = ['--port', `${serve}`, '--control-port', `${control}`];
  const engine = ['--model', MODEL, '--concurrency', '1024'];
  const first = ['--prefill-tokens-per-second', `${PREFILL_PER_SECOND}`, '--first-token-ms', `${FIRST_TOKEN_MS}`];
  return await stage.run('sim', 'cluster', '--name', name, ...ports, ...engine, ...first);
}
