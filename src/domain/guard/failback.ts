/** When may the traffic go home? After the soak, if home is well and nobody moved it away on purpose. */
import { homeWeights } from '../fleet.js';
import { sameWeights } from '../plan/judge-preflight.js';
import { gainingClusters } from '../plan/plan-move.js';
import type { ClusterName } from '../words.js';
import { calmAtMs, FAILBACK_PENALTY_MAX } from './damping.js';
import { maintenanceSentence } from './maintenance.js';
import type { Failback, GuardState } from './state.js';

/** Each failover from the same cluster within a day doubles the soak, up to this long. */
export const SOAK_MS_MAX = 2 * 60 * 60_000;
const FLAP_MEMORY_MS = 24 * 60 * 60_000;

/** @replayed */
export function judgeFailback(state: GuardState, nowMs: number): Failback | null {
  const home = homeWeights(state.spec);
  if (sameWeights(state.intended, home)) return null;
  if (state.spec.failback.policy === 'never') return { state: 'never', dueAtMs: null, why: 'the policy is never' };
  const last = state.history.find((record) => record.state === 'done');
  if (last?.kind === 'switchover') {
    return {
      state: 'by-hand',
      dueAtMs: null,
      why: `${last.by} moved it (${last.reason}); \`understudy failback ${state.spec.name}\` brings it home`,
    };
  }
  const gaining = gainingClusters(state.intended, home);
  const unfit = gaining.flatMap((name) => whyUnfit(state, name) ?? [])[0];
  if (unfit !== undefined) return { state: 'waiting', dueAtMs: null, why: unfit };
  const wellSinceMs = Math.max(...gaining.map((name) => state.known[name]?.diagnosis.sinceMs ?? 0));
  const lastEndMs = state.history[0] === undefined ? 0 : Date.parse(state.history[0].endedAt);
  const soakMs = soakMsOf(state, nowMs);
  const soakedAtMs = Math.max(Math.max(wellSinceMs, lastEndMs) + soakMs, state.failbackNotBeforeMs);
  const calmMs = calmAtMs(state.penalty, FAILBACK_PENALTY_MAX, nowMs, state.spec);
  const damped = calmMs > Math.max(nowMs, soakedAtMs);
  const soak = `${gaining.join(', ')} well since ${new Date(wellSinceMs).toISOString()}, soak ${Math.round(soakMs / 1000)} s`;
  return {
    state: 'soaking',
    dueAtMs: damped ? calmMs : soakedAtMs,
    why: damped ? `${soak}; restless lately, so not before ${new Date(calmMs).toISOString()}` : soak,
  };
}

function whyUnfit(state: GuardState, name: ClusterName): string | null {
  const lease = state.maintenance[name];
  if (lease !== undefined) return `${name} is ${maintenanceSentence(lease)}`;
  const verdict = state.known[name]?.diagnosis.verdict ?? 'unknown';
  return verdict === 'healthy' ? null : `${name} is ${verdict}`;
}

function soakMsOf(state: GuardState, nowMs: number): number {
  const failovers = state.history.filter(
    (record) =>
      record.kind === 'failover' && record.via === 'auto' && Date.parse(record.startedAt) > nowMs - FLAP_MEMORY_MS,
  ).length;
  const soakMs = state.spec.failback.soakMs * 2 ** Math.max(0, failovers - 1);
  return Math.min(soakMs, Math.max(SOAK_MS_MAX, state.spec.failback.soakMs));
}
