/** When a prober last saw a cluster complete a request: read from the watch's heartbeat, so that it costs no event. */
import { defaultPayloadConverter } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import type { VantageHealth } from '../domain/health/vantage.js';
import type { ClusterName } from '../domain/words.js';
import { clusterHealthId } from '../workflows/ids.js';

/** Shorter than a completion would take: an answer that is late helps nobody. */
const ASK_MS_MAX = 500;

/** @returns wall clock, ms; `null` when no watch of the cluster has told one */
export async function lastProofAtMs(client: Client, cluster: ClusterName): Promise<number | null> {
  try {
    const { raw } = await client.withDeadline(
      Date.now() + ASK_MS_MAX,
      async () => await client.workflow.getHandle(clusterHealthId(cluster)).describe(),
    );
    const proofs = (raw.pendingActivities ?? []).flatMap(({ heartbeatDetails }) => {
      const payload = heartbeatDetails?.payloads?.[0];
      if (payload === undefined || payload === null) return [];
      // A real caller's completion proves as much as one of our own.
      const health = defaultPayloadConverter.fromPayload<Partial<VantageHealth>>(payload);
      return [health.lastGenerationOkAtMs ?? [], health.lastCallerOkAtMs ?? []].flat();
    });
    return proofs.length === 0 ? null : Math.max(...proofs);
  } catch {
    return null; // Not knowing costs one completion, no more.
  }
}
