/** Trouble that moves nothing is told all the same: a standby that died, a cluster that only the probes cannot reach. */
import { isFailing } from '../plan/plan-move.js';
import type { ClusterName } from '../words.js';
import type { GuardCommand } from './commands.js';
import type { GuardState } from './state.js';
import { stay, type Decision } from './stay.js';

/** @replayed */
export function noticeBystanders(before: GuardState, nowMs: number): Decision {
  let state = before;
  const commands: GuardCommand[] = [];
  for (const { cluster } of before.spec.members) {
    const why = whyNothing(state, cluster);
    if (why === null) continue;
    const { verdict, sinceMs } = state.known[cluster]?.diagnosis ?? { verdict: 'unknown', sinceMs: 0 };
    const decision = stay(state, { trigger: `${cluster} is ${verdict}`, why, alert: true, sinceMs }, nowMs);
    state = decision.state;
    commands.push(...decision.commands);
  }
  return { state, commands };
}

function whyNothing(state: GuardState, name: ClusterName): string | null {
  const verdict = state.known[name]?.diagnosis.verdict;
  if (state.maintenance[name] !== undefined) return null;
  if (verdict === 'unreachable') return 'callers are served or the vantages disagree; look at the way of the probes';
  if (!isFailing(verdict) || (state.intended[name] ?? 0) > 0 || wasJustLeft(state, name)) return null;
  return 'it carries no traffic; it is no target until it is well';
}

/** The failover has told of it already; a verdict that hardens soon after is the same trouble. */
const SAME_TROUBLE_MS = 60_000;

function wasJustLeft(state: GuardState, name: ClusterName): boolean {
  const last = state.history[0];
  if (last?.kind !== 'failover' || !last.from.includes(name)) return false;
  return (state.known[name]?.diagnosis.sinceMs ?? 0) <= Date.parse(last.endedAt) + SAME_TROUBLE_MS;
}
