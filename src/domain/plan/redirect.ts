/** A move that cannot go back goes on to somebody else. */
import type { ClusterName, Weights } from '../words.js';
import { blend } from './plan-move.js';
import type { MovePlan } from './types.js';

/**
 * The rest of a move, to its next alternative: from the weights of now, everything that the sources and the failed
 * target carry goes to the next target. `null` when there is none left.
 * @replayed
 */
export function redirectPlan(plan: MovePlan, now: Weights, down: readonly ClusterName[]): MovePlan | null {
  const [next, ...alternatives] = plan.alternatives.filter((name) => !down.includes(name));
  if (next === undefined) return null;
  const leaving = [...plan.from, plan.to];
  const share = leaving.reduce((sum, name) => sum + (now[name] ?? 0), 0);
  const goal = Object.fromEntries(
    Object.keys(now).map((name) => [
      name,
      name === next ? (now[name] ?? 0) + share : leaving.includes(name) ? 0 : (now[name] ?? 0),
    ]),
  );
  const ramp = plan.steps.map((step, i) => ({ ...step, weights: blend(now, goal, shareOf(plan, i)) }));
  return { ...plan, to: next, start: now, steps: ramp, alternatives, canGoBack: false };
}

/**
 * The plan for the next target, when the preflight of the present one says no and nothing was touched yet; `null` when
 * there is none left. `keep`: the target answers and is only in doubt, so it comes again after all others. @replayed
 */
export function nextTarget(
  plan: MovePlan,
  { keep, down }: { readonly keep: boolean; readonly down: readonly ClusterName[] },
): MovePlan | null {
  const alternatives = keep ? [...plan.alternatives, plan.to] : plan.alternatives;
  const next = redirectPlan({ ...plan, alternatives }, plan.start, down);
  return next === null ? null : { ...next, canGoBack: plan.canGoBack };
}

/** How far the original ramp had come at step `i`, 0-1, read from its names (`25 %`). */
function shareOf(plan: MovePlan, i: number): number {
  const last = i === plan.steps.length - 1;
  return last ? 1 : Number.parseFloat(plan.steps[i]?.name ?? '100') / 100;
}

/** The weights of the last step: where a move ends when all goes well. @replayed */
export function goalOf(plan: MovePlan): Weights {
  return plan.steps.at(-1)?.weights ?? plan.start;
}
