/** What a move would do now: the guard's own planning, asked without ordering anything. */
import type { ErrorCode } from '../domain/errors.js';
import { planMove } from '../domain/plan/plan-move.js';
import type { MovePlan, PlanStep } from '../domain/plan/types.js';
import type { ClusterName, MoveKind, ServiceName } from '../domain/words.js';
import { type GuardOrder, guardOrderQuery } from '../workflows/messages.js';
import type { Control } from './control.js';
import { askGuard, readGuard } from './guards.js';

interface Forecast {
  readonly service: ServiceName;
  readonly kind: MoveKind;
  /** What stands in the way beside the plan, or is worth knowing. */
  readonly notes: readonly string[];
}

export type PlanForecast = Forecast &
  (
    | ({ readonly possible: true; readonly steps: readonly Pick<PlanStep, 'name' | 'weights'>[] } & Pick<
        MovePlan,
        'profile' | 'from' | 'to' | 'start' | 'canGoBack' | 'approval'
      >)
    | { readonly possible: false; readonly code: ErrorCode; readonly message: string }
  );

const barOf = (name: ClusterName, lease: { readonly by: string; readonly until: string } | undefined) =>
  lease === undefined ? [] : [[name, `in maintenance by ${lease.by} until ${lease.until}`] as const];

/**
 * Plans with what the guard knows at this moment. The move itself also looks at the target once more (a completion, the
 * model, the room), so a possible plan is no promise.
 * @throws CodedError `unknown-service`, `no-worker`, `temporal-unreachable`
 */
export async function forecastMove(
  control: Control,
  service: ServiceName,
  wish: { readonly kind: MoveKind; readonly to?: ClusterName; readonly from?: ClusterName },
): Promise<PlanForecast> {
  const [view, order] = await Promise.all([
    readGuard(control, service),
    askGuard<GuardOrder>(control, service, guardOrderQuery),
  ]);
  const answer = planMove({
    ...wish,
    service: order.spec,
    clusters: Object.fromEntries(order.clusters.map((c) => [c.name, c])),
    verdicts: Object.fromEntries(view.clusters.map((c) => [c.name, c.verdict])),
    barred: Object.fromEntries(view.clusters.flatMap((c) => barOf(c.name, c.maintenance))),
    intended: view.intended,
    // A person who orders a move has said yes.
    approval: 'none',
  });
  const notes = view.frozen === null ? [] : [`automation is frozen by ${view.frozen.by} until ${view.frozen.until}`];
  const asked = { service, kind: wish.kind, notes };
  if (view.move !== null) {
    return {
      ...asked,
      possible: false,
      code: 'already-moving',
      message: `${view.move.id} is running: ${view.move.step}`,
    };
  }
  if (!answer.ok) return { ...asked, possible: false, code: answer.code, message: answer.message };
  const { profile, from, to, start, canGoBack, approval, steps } = answer.plan;
  return {
    ...asked,
    possible: true,
    profile,
    from,
    to,
    start,
    canGoBack,
    approval,
    steps: steps.map(({ name, weights }) => ({ name, weights })),
  };
}
