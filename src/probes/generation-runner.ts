/**
 * Completions beside the ticks: one may take seconds, and a tick must not wait for it. In doubt the next one starts
 * before the last has failed, so that three timeouts take little longer than one; once a verdict stands, one at a time:
 * a cluster that hangs is not helped by a pile of requests.
 */
import type { ClusterSpec } from '../domain/fleet.js';
import type { GenerationSeen } from '../domain/health/types.js';
import { isFailing } from '../domain/health/quorum.js';
import type { VantageHealth } from '../domain/health/vantage.js';
import { budgetOf } from '../domain/health/probe-budget.js';
import { isInDoubt, mayAsk, wantsGeneration } from '../domain/health/wants.js';
import { dialectOf } from '../engines/registry.js';
import { probeGeneration } from './generation.js';

/** At least this much of an interval lies between two completions: confirmation must outlast blips here too. */
const SPACING = 0.9;

export interface GenerationRunner {
  /** Starts a completion if this state of knowledge is worth one. */
  consider(health: VantageHealth, atMs: number): void;
  /** The next finished one, oldest first. */
  take(): GenerationSeen | undefined;
  /** Whether one has finished that was not taken yet. */
  hasFinished(): boolean;
}

/** @param onFinished called when a completion has finished and can be taken */
export function createGenerationRunner(
  cluster: ClusterSpec,
  signal: AbortSignal,
  onFinished: () => void,
): GenerationRunner {
  const done: GenerationSeen[] = [];
  /** Forgotten when the engine refuses them; the watch after this one tries again, for it may have been restarted. */
  let fields = dialectOf(cluster.engine).lowPriority;
  /** When each one that runs was started; they lie apart. */
  const running = new Set<number>();
  let startedAtMs = -Infinity;

  const start = async (settings: NonNullable<ClusterSpec['probes']['generation']>, atMs: number): Promise<void> => {
    running.add(atMs);
    const seen = await probeGeneration(cluster, {
      maxTokens: settings.maxTokens,
      timeoutMs: settings.timeoutMs,
      signal,
      ...(fields === undefined ? {} : { lowPriority: { fields, onRefused: () => (fields = undefined) } }),
    });
    running.delete(atMs);
    if (signal.aborted) return;
    done.push(seen);
    onFinished();
  };

  /** It should have ended by now, and no queue explains why it has not: as good a doubt as a failure. */
  const isOverdue = ({ engine }: VantageHealth, atMs: number): boolean => {
    const inTimeMs = cluster.probes.latency?.maxMs ?? cluster.health.intervalMs;
    return running.size > 0 && atMs - Math.min(...running) >= inTimeMs && !engine.crowded;
  };

  return {
    consider(health, atMs) {
      const { generation } = cluster.probes;
      if (generation === null || !wantsGeneration(health, cluster, atMs)) return;
      const doubt = isInDoubt(health, cluster, atMs) || isOverdue(health, atMs);
      const limit = doubt && !isFailing(health.verdict) ? cluster.health.fall + 1 : 1;
      if (running.size >= Math.min(limit, budgetOf(cluster).atOnce)) return;
      if (atMs - startedAtMs < SPACING * cluster.health.intervalMs) return;
      if (!mayAsk(health, cluster, { atMs, running: running.size })) return;
      startedAtMs = atMs;
      void start(generation, atMs);
    },
    take: () => done.shift(),
    hasFinished: () => done.length > 0,
  };
}
