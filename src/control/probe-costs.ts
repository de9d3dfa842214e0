/** What completions cost each cluster: read from the heartbeats of its watches, so that it costs no history event. */
import { defaultPayloadConverter } from '@temporalio/common';
import { probeCostOf, UNKNOWN_COST, type ProbeCost } from '../domain/health/probe-cost.js';
import type { ProbeSpending } from '../domain/health/probe-budget.js';
import type { ClusterName } from '../domain/words.js';
import { clusterHealthId, probeTaskQueue } from '../workflows/ids.js';
import { clusterOrderQuery } from '../workflows/messages.js';
import { askWorkflow, QUERY_DEADLINE_MS } from './ask.js';
import type { Control } from './control.js';
import { inTurn } from './in-turn.js';

/** By cluster; those that are sent no completions are left out. Never throws: what cannot be read is unknown. */
export async function readProbeCosts(
  control: Control,
  clusters: readonly ClusterName[],
  nowMs: number,
): Promise<Readonly<Record<ClusterName, ProbeCost>>> {
  const costs = await inTurn([...new Set(clusters)], async (name) => {
    const cost = await readProbeCost(control, name, nowMs).catch(() => UNKNOWN_COST);
    return cost === null ? [] : [[name, cost] as const];
  });
  return Object.fromEntries(costs.flat());
}

async function readProbeCost(control: Control, name: ClusterName, nowMs: number): Promise<ProbeCost | null> {
  const [order, told] = await Promise.all([
    askWorkflow(control.client, clusterHealthId(name), clusterOrderQuery),
    readSpendings(control, name),
  ]);
  if (order === null) return UNKNOWN_COST;
  const { spec, vantages } = order;
  if (spec.probes.generation === null) return null;
  const spendings = Object.fromEntries(vantages.map((v) => [v, told.get(probeTaskQueue(v)) ?? null]));
  return probeCostOf(spendings, spec.capacity.concurrency, nowMs);
}

/** By task queue: a watch of a vantage is its queue's. */
async function readSpendings(control: Control, name: ClusterName): Promise<ReadonlyMap<string, ProbeSpending>> {
  const { raw } = await control.client.withDeadline(
    Date.now() + QUERY_DEADLINE_MS,
    async () => await control.client.workflow.getHandle(clusterHealthId(name)).describe(),
  );
  const spendings = new Map<string, ProbeSpending>();
  for (const { activityOptions, heartbeatDetails } of raw.pendingActivities ?? []) {
    const queue = activityOptions?.taskQueue?.name;
    const payload = heartbeatDetails?.payloads?.[0];
    if (typeof queue !== 'string' || payload === undefined || payload === null) continue;
    const spending = spendingIn(defaultPayloadConverter.fromPayload(payload));
    if (spending !== null) spendings.set(queue, spending);
  }
  return spendings;
}

/** A worker of another version may tell something else. */
function spendingIn(health: unknown): ProbeSpending | null {
  const { spending } = health as { readonly spending?: Partial<ProbeSpending> };
  return Array.isArray(spending?.slots) && spending.heldSinceMs !== undefined ? (spending as ProbeSpending) : null;
}
