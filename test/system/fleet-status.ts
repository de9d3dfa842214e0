/** What a test asks `understudy status` about the service `chat` of an instance. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceStatus, StatusView } from '../../src/control/status.js';
import type { Verdict } from '../../src/domain/words.js';
import { eventually } from '../kit/eventually.js';
import type { TestInstance } from '../kit/instance.js';

/** @throws Error when the guard of `chat` does not answer */
export async function statusOf(instance: TestInstance): Promise<ServiceStatus> {
  const { services, unanswered } = await instance.json<StatusView>('status', 'chat');
  const [chat] = services;
  if (chat === undefined) throw new Error(`chat does not answer: ${JSON.stringify(unanswered)}`);
  return chat;
}

/** Waits until the clusters have these verdicts. */
export async function verdictsAre(
  instance: TestInstance,
  wanted: Readonly<Record<string, Verdict>>,
  timeoutMs = 60_000,
): Promise<ServiceStatus> {
  let chat = await statusOf(instance);
  const seen = (): boolean =>
    Object.entries(wanted).every(([name, verdict]) => chat.clusters.find((c) => c.name === name)?.verdict === verdict);
  await eventually(async () => {
    chat = await statusOf(instance);
    return seen();
  }, timeoutMs);
  return chat;
}

/** Which of the two clusters of `chat` serves now, and which one does not: a test asks, so that it needs no other before it. */
export async function servingNow(instance: TestInstance): Promise<{ readonly from: string; readonly to: string }> {
  const { clusters } = await statusOf(instance);
  const from = clusters.find(({ intended }) => intended === 100)?.name;
  const to = clusters.find(({ intended }) => intended === 0)?.name;
  if (from === undefined || to === undefined) throw new Error(`nobody serves alone: ${JSON.stringify(clusters)}`);
  return { from, to };
}

/** Percent that each cluster of `chat` really gets, by name. */
export async function effectiveWeights(instance: TestInstance): Promise<Readonly<Record<string, number | null>>> {
  return Object.fromEntries((await statusOf(instance)).clusters.map((c) => [c.name, c.effective]));
}

interface RouteChange {
  readonly event: string;
  readonly verb: string;
  readonly epoch: number;
  readonly weights?: Readonly<Record<string, number>>;
}

/** Weights of the newest epoch, in the order in which the gateway applied them. */
export function rampOf({ dataDir }: TestInstance): readonly RouteChange[] {
  const lines = readFileSync(join(dataDir, 'logs', 'gateway.log'), 'utf8').split('\n');
  const changes = lines.flatMap((line) => (line.includes('"route-changed"') ? [JSON.parse(line) as RouteChange] : []));
  const epoch = Math.max(0, ...changes.map((c) => c.epoch ?? 0));
  return changes.filter((c) => c.epoch === epoch && c.verb.startsWith('PUT /routes/'));
}

/** Waits until the gateway gives the cluster this share. A verb that asks for the step may take longer than the step. */
export async function rampReaches(instance: TestInstance, cluster: string, pct: number): Promise<void> {
  await eventually(() => (rampOf(instance).at(-1)?.weights?.[cluster] ?? 0) >= pct, 120_000);
}
