/** What the official clients are tried against: a real gateway before two simulated clusters, each of real processes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServiceDefinition } from '../../src/domain/traffic.js';
import { startGateway } from '../../src/gateway/gateway.js';
import { runSimulatedCluster, type SimulatedCluster } from '../../src/simulator/cluster.js';
import { clearFaults, orderFault, type FaultOrder } from '../../src/simulator/control-client.js';
import { expectedAnswer, promptKeyOfChat, type ChatMessage } from '../../src/simulator/text.js';
import { SETTINGS } from '../gateway/kit.js';
import { serveEntry } from '../kit/compiled.js';

/** The service's name, as callers know it. */
export const SERVICE = 'chat';
/** What the clusters call it. */
export const MODEL = 'llama-3.1-70b';
/** No answer is longer by itself: the clients' own stream readers take an end by length for an error. */
export const MAX_TOKENS = 200;
const NAMES = ['a', 'b'] as const;

export type ClusterOfStage = (typeof NAMES)[number];

export interface Stage {
  /** As a client is given it, with `/v1`. */
  readonly baseUrl: string;
  fault(cluster: ClusterOfStage, order: FaultOrder): Promise<void>;
  /** As it was at the start. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** Everything goes to `a` as long as it can; `b` stands by. */
export async function openStage(): Promise<Stage> {
  const dataDir = mkdtempSync(join(tmpdir(), 'clients-'));
  const started = await Promise.all(
    NAMES.map(async (name) => await runSimulatedCluster({ name, tokensPerSecond: 200, serveEntry: serveEntry() })),
  );
  const gateway = await startGateway({
    host: '127.0.0.1',
    port: 0,
    adminHost: '127.0.0.1',
    adminPort: 0,
    dataDir,
    adminToken: null,
    definitions: [serviceOf(started)],
    clock: Date.now,
    audit: () => undefined,
    settings: { ...SETTINGS, conversations: { ...SETTINGS.conversations, store: 'disk' } },
  });
  const controlOf = (cluster: ClusterOfStage): string => started[NAMES.indexOf(cluster)]?.controlUrl ?? '';
  return {
    baseUrl: `${gateway.url}/v1`,
    fault: async (cluster, order) => {
      await orderFault(controlOf(cluster), order);
    },
    restore: async () => {
      for (const name of NAMES) await clearFaults(controlOf(name), null);
    },
    close: async () => {
      await gateway.close(0);
      await Promise.all(started.map(async (cluster) => await cluster.close()));
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function serviceOf(clusters: readonly SimulatedCluster[]): ServiceDefinition {
  return {
    service: SERVICE,
    strategy: 'primary-standby',
    members: clusters.map(({ url }, i) => ({
      cluster: NAMES[i] ?? '',
      url,
      model: MODEL,
      engine: 'vllm' as const,
      concurrency: 64,
    })),
    home: { a: 100, b: 0 },
  };
}

/** The only right answer to a chat. */
export function rightText(messages: readonly ChatMessage[], maxTokens = MAX_TOKENS): string {
  return expectedAnswer(promptKeyOfChat(messages), { maxTokens }).tokens.join('');
}

export const user = (content: string): { role: 'user'; content: string } => ({ role: 'user', content });
export const assistant = (content: string): { role: 'assistant'; content: string } => ({ role: 'assistant', content });
