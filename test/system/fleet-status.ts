/** What a test asks `understudy status` about the service `chat` of an instance. */
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

/** Percent that each cluster of `chat` really gets, by name. */
export async function effectiveWeights(instance: TestInstance): Promise<Readonly<Record<string, number | null>>> {
  return Object.fromEntries((await statusOf(instance)).clusters.map((c) => [c.name, c.effective]));
}
