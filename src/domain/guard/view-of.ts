/** The state as people see it. @replayed */
import { effectiveMode } from './mode.js';
import { changeSentence, type Redirection, senderSentence } from './redirection.js';
import type { GuardState, Lease, Spill } from './state.js';
import type { GuardView } from './view.js';

const iso = (ms: number): string => new Date(ms).toISOString();

export function viewOf(state: GuardState): GuardView {
  const { spec, freeze, move, failback } = state;
  return {
    name: spec.name,
    mode: effectiveMode(state),
    frozen: freeze === null ? null : leaseView(freeze),
    epoch: state.epoch,
    strategy: spec.strategy,
    intended: state.intended,
    clusters: spec.members.map((member) => clusterView(state, member.cluster, member.role)),
    move:
      move === null
        ? null
        : {
            id: move.id,
            kind: move.input.plan.kind,
            from: move.input.plan.from,
            to: move.input.plan.to,
            step: move.step,
            state: move.state,
            question: move.question,
            startedAt: iso(move.startedAtMs),
          },
    failback:
      failback === null
        ? null
        : { dueAt: failback.dueAtMs === null ? null : iso(failback.dueAtMs), state: failback.state, why: failback.why },
    ...(state.spill === null || state.spill.sharePct === 0 ? {} : { spill: spillView(state.spill) }),
    whyNot: state.whyNot.map((entry) => ({ at: iso(entry.atMs), trigger: entry.trigger, why: entry.why })),
    ...(state.redirections.length === 0 ? {} : { redirections: state.redirections.map(redirectionView) }),
  };
}

const redirectionView = ({ atMs, sender, changes }: Redirection) => ({
  at: iso(atMs),
  by: senderSentence(sender),
  changes: changes.map(changeSentence),
});

const leaseView = ({ by, reason, untilMs }: Lease) => ({ by, reason, until: iso(untilMs) });

const spillView = ({ from, to, sharePct, sinceMs, untilMs, because }: Spill): NonNullable<GuardView['spill']> => ({
  from,
  to,
  sharePct,
  since: iso(sinceMs),
  until: iso(untilMs),
  why: because,
});

function clusterView(state: GuardState, name: string, role: string): GuardView['clusters'][number] {
  const diagnosis = state.known[name]?.diagnosis;
  const lease = state.maintenance[name];
  return {
    name,
    role,
    verdict: diagnosis?.verdict ?? 'unknown',
    since: diagnosis === undefined || diagnosis.sinceMs === 0 ? null : iso(diagnosis.sinceMs),
    evidence: (diagnosis?.evidence ?? []).map(
      (e) => `${e.dimension}: ${e.seen} (limit: ${e.threshold}; seen by ${e.by})`,
    ),
    intended: state.intended[name] ?? 0,
    ...(diagnosis?.unwatchedFrom === undefined ? {} : { unwatchedFrom: diagnosis.unwatchedFrom }),
    ...(lease === undefined ? {} : { maintenance: leaseView(lease) }),
  };
}
