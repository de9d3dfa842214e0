/** What the probers of a cluster saw last: read from its watches' heartbeats, so that it costs no event. */
import { defaultPayloadConverter } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import { doubtOf, type Doubt } from '../domain/health/doubt.js';
import type { VantageHealth } from '../domain/health/vantage.js';
import type { ClusterName } from '../domain/words.js';
import { clusterHealthId } from '../workflows/ids.js';

/** Shorter than a completion would take: an answer that is late helps nobody. */
const ASK_MS_MAX = 500;

export interface LastLook {
  /** Last completion that succeeded, wall clock in ms; `null` when no watch of the cluster has told one. */
  readonly provenAtMs: number | null;
  /** What speaks against the cluster at this moment. */
  readonly doubt: Doubt | null;
}

const NOTHING: LastLook = { provenAtMs: null, doubt: null };

/** Not knowing is an answer: it costs one completion, no more. Never throws. */
export async function lastLook(client: Client, cluster: ClusterName): Promise<LastLook> {
  try {
    const { raw } = await client.withDeadline(
      Date.now() + ASK_MS_MAX,
      async () => await client.workflow.getHandle(clusterHealthId(cluster)).describe(),
    );
    const healths = (raw.pendingActivities ?? []).flatMap(({ heartbeatDetails }) => {
      const payload = heartbeatDetails?.payloads?.[0];
      return payload === undefined || payload === null
        ? []
        : [defaultPayloadConverter.fromPayload<VantageHealth>(payload)];
    });
    const proofs = healths.flatMap((health) => health.lastGenerationOkAtMs ?? []);
    return { provenAtMs: proofs.length === 0 ? null : Math.max(...proofs), doubt: doubtOf(healths) };
  } catch {
    return NOTHING;
  }
}
