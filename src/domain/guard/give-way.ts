/**
 * Whether a move that waits for a person has to give way: nobody's answer may be waited for while callers fail. What gives
 * way says why; then the guard decides anew, with its usual rules. @replayed
 */
import { isFailing } from '../plan/plan-move.js';
import type { MovePlan } from '../plan/types.js';
import type { ClusterName } from '../words.js';
import { holdsFailover } from './holds.js';
import type { GuardState, RunningMove } from './state.js';

/** Of the move that waits: why it must give way; `null`: it may go on waiting. `failing`: the worst first. */
export function whyGiveWay(state: GuardState, failing: readonly ClusterName[], nowMs: number): string | null {
  const { move } = state;
  if (move === null || move.superseded) return null;
  if (move.touched === undefined) return ofOlderMove(state, move, failing);
  if (move.state === 'asking')
    return move.touched ? whyHalfway(state, move) : whyUntouched(state, move, failing, nowMs);
  if (move.state === 'paused' && (state.spec.move.pauseYields ?? true))
    return move.touched ? whyHalfway(state, move) : whyUntouched(state, move, failing, nowMs);
  return null;
}

/** Nothing was changed yet: whatever holds automation back holds here too, or nobody would decide afterwards. */
function whyUntouched(
  state: GuardState,
  move: RunningMove,
  failing: readonly ClusterName[],
  nowMs: number,
): string | null {
  const { plan, attribution } = move.input;
  if (plan.kind === 'failover') return attribution.via === 'auto' ? whyFailoverIsStale(state, plan, failing) : null;
  if (failing.length === 0 || holdsFailover(withoutMove(state), failing, nowMs) !== null) return null;
  return `${failing.join(', ')} failed meanwhile`;
}

/** Some of the traffic has moved: a cluster that carries it went down, be it the target or one of those it came from. */
function whyHalfway(state: GuardState, { input }: RunningMove): string | null {
  const { plan, down } = input;
  const carrying = [...new Set([plan.to, ...Object.keys(plan.start).filter((name) => (plan.start[name] ?? 0) > 0)])];
  const lost = carrying.filter((name) => !down.includes(name) && isDown(state, name));
  return lost.length === 0 ? null : `${lost.join(', ')} went down meanwhile`;
}

/** As older versions told their moves: nothing is known of what they have changed. */
function ofOlderMove(state: GuardState, move: RunningMove, failing: readonly ClusterName[]): string | null {
  if (move.state !== 'asking' || move.step !== 'approval') return null;
  const { plan, attribution } = move.input;
  if (plan.kind === 'failover') return attribution.via === 'auto' ? whyFailoverIsStale(state, plan, failing) : null;
  return failing.length > 0 ? `${failing.join(', ')} failed meanwhile` : null;
}

/** Nobody needs to be asked any more: it is over, or it got so bad that asking is not due in this mode. */
function whyFailoverIsStale(state: GuardState, plan: MovePlan, failing: readonly ClusterName[]): string | null {
  if (failing.length === 0) return 'the failing cluster recovered before anybody answered';
  const isWorse = failing.some((name) => isDown(state, name));
  return plan.profile === 'degraded' && isWorse && state.spec.mode === 'auto'
    ? `${failing.join(', ')} is down by now`
    : null;
}

function isDown({ known }: GuardState, name: ClusterName): boolean {
  const verdict = known[name]?.diagnosis.verdict;
  return isFailing(verdict) && verdict !== 'degraded';
}

/** Its cooldown is that of the move before, and ends with this one. */
const withoutMove = (state: GuardState): GuardState => ({ ...state, move: null, cooldownUntilMs: 0 });
