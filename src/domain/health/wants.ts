/** Which dear checks the next tick should make: they cost GPU time or requests, so they are asked on doubt or when news is old. */
import type { ClusterSpec } from '../fleet.js';
import { DIMENSIONS } from '../words.js';
import { affordsCompletion } from './probe-budget.js';
import type { VantageHealth } from './vantage.js';

/** Standing still for this many intervals is worth a completion. */
const STILL_INTERVALS = 2;

/** Answers that callers get say nothing of their sense: a golden prompt is asked at least this often, ms. */
export const GOLDEN_EVERY_MS = 30_000;

/** Anything that is neither plainly well nor confirmed: the cluster deserves a closer look. @replayed */
export function isInDoubt(health: VantageHealth, cluster: ClusterSpec, atMs: number): boolean {
  if (health.verdict !== 'healthy' && health.verdict !== 'overloaded') return true;
  if (DIMENSIONS.some((d) => health.dimensions[d].failures > 0 || health.dimensions[d].failing !== null)) return true;
  const still = health.engine.progressAtMs;
  return still !== null && atMs - still > STILL_INTERVALS * cluster.health.intervalMs;
}

/** A completion is sent on doubt, and when neither a probe's nor a caller's answer is younger than `everyMs`. @replayed */
export function wantsGeneration(health: VantageHealth, cluster: ClusterSpec, atMs: number): boolean {
  const { generation } = cluster.probes;
  if (generation === null) return false;
  if (isInDoubt(health, cluster, atMs)) return true;
  const asked = health.lastGenerationAtMs ?? 0;
  const answered = Math.max(asked, health.lastCallerOkAtMs ?? 0);
  return atMs - answered >= generation.everyMs || atMs - asked >= GOLDEN_EVERY_MS;
}

/** Whether the budget allows one more completion, beside those that are `running`. @replayed */
export function mayAsk(
  health: VantageHealth,
  cluster: ClusterSpec,
  { atMs, running }: { readonly atMs: number; readonly running: number },
): boolean {
  // Asked at every tick, so written out: copies of objects were a tenth of years of simulated life.
  if (affordsCompletion(health.spending, cluster, { atMs, running, doubt: false })) return true;
  return (
    isInDoubt(health, cluster, atMs) && affordsCompletion(health.spending, cluster, { atMs, running, doubt: true })
  );
}

/** Half a second after a first failure of `http` one more try is made, on a fresh connection. @replayed */
export function wantsFreshTry(health: VantageHealth): boolean {
  const { http } = health.dimensions;
  return http.failing === null && http.failures === 1;
}
