/** What a person orders: planned like anything else, answered at once, and never held back by damping or a freeze. @replayed */
import { planMove } from '../plan/plan-move.js';
import type { GuardCommand, GuardEvent, GuardReply } from './commands.js';
import { verdictsOf } from './decide.js';
import { barredClusters } from './maintenance.js';
import { onProbation } from './panic.js';
import { causeOf, startMove } from './start-move.js';
import type { GuardState } from './state.js';

type Order = Extract<GuardEvent, { kind: 'order' }>;

interface Answered {
  readonly state: GuardState;
  readonly commands: readonly GuardCommand[];
  readonly reply: GuardReply;
}

export function answerOrder(state: GuardState, order: Order, nowMs: number): Answered {
  const refuse = (code: Extract<GuardReply, { accepted: false }>['code'], message: string): Answered => ({
    state,
    commands: [],
    reply: { accepted: false, code, message },
  });
  if (state.move !== null) {
    const { id, step, question } = state.move;
    return refuse('already-moving', `${id} is already running (${question ?? step})`);
  }
  const answer = planMove({
    service: state.spec,
    clusters: state.clusters,
    verdicts: verdictsOf(state),
    barred: barredClusters(state),
    wary: onProbation(state, nowMs),
    intended: state.intended,
    kind: order.verb,
    approval: 'none',
    ...(order.to === undefined ? {} : { to: order.to }),
    ...(order.from === undefined ? {} : { from: order.from }),
  });
  if (!answer.ok) return refuse(answer.code, answer.message);
  const { plan } = answer;
  const source = plan.from[0] ?? '';
  const cause =
    plan.profile === 'planned'
      ? order.attribution.reason
      : `${order.attribution.reason} (${causeOf(source, state.known[source]?.diagnosis)})`;
  const start = { plan, attribution: order.attribution, witness: 'person' as const, cause, detectedAtMs: null };
  const started = startMove(state, start, nowMs);
  const id = started.state.move?.id ?? '';
  return {
    ...started,
    reply: { accepted: true, id, message: `${order.verb} ${plan.from.join(', ')} → ${plan.to} begins` },
  };
}
