/** What holds an automatic move back: one sentence, or `null`. A person's order is never asked this. */
import { standing } from '../governor/fleet-view.js';
import type { ClusterName } from '../words.js';
import { judgePanic, witnessOf } from './panic.js';
import type { GuardState } from './state.js';

const iso = (ms: number): string => new Date(ms).toISOString();

/** In order of weight: what people said, what the fleet looks like, what was just tried. @replayed */
export function holdsFailover(state: GuardState, failing: readonly ClusterName[], nowMs: number): string | null {
  return (
    holdsAutomation(state, nowMs) ??
    judgePanic(state, failing) ??
    holdsUnconfirmed(state, failing, nowMs) ??
    holdsCooling(state, failing, nowMs)
  );
}

/** @replayed */
export function holdsFailback(state: GuardState, nowMs: number): string | null {
  return holdsAutomation(state, nowMs) ?? standing(state.fleet?.panic ?? null, nowMs)?.why ?? null;
}

/** Spilling changes who serves a caller, so it waits for a person wherever a move would, and for nothing else. @replayed */
export function holdsSpill(state: GuardState, nowMs: number): string | null {
  if (state.spec.mode === 'approve') return 'the mode is approve, and nobody is asked about a spill';
  return holdsFailback(state, nowMs);
}

function holdsAutomation({ freeze, spec, fleet }: GuardState, nowMs: number): string | null {
  if (freeze !== null) return `frozen by ${freeze.by} until ${iso(freeze.untilMs)}: ${freeze.reason}`;
  if (spec.mode === 'frozen') return 'the mode in the configuration is frozen';
  return standing(fleet?.brake ?? null, nowMs)?.why ?? null;
}

function holdsUnconfirmed(state: GuardState, failing: readonly ClusterName[], nowMs: number): string | null {
  const panic = standing(state.fleet?.panic ?? null, nowMs);
  return panic !== null && witnessOf(state, failing) === 'probes' ? panic.why : null;
}

function holdsCooling(state: GuardState, failing: readonly ClusterName[], nowMs: number): string | null {
  const down = failing.some((name) => state.known[name]?.diagnosis.verdict !== 'degraded');
  const last = state.history[0];
  const lastEndedWell = last === undefined || last.state === 'done';
  if (nowMs >= state.cooldownUntilMs || (down && lastEndedWell)) return null;
  return `cooling down until ${iso(state.cooldownUntilMs)} after ${last?.id ?? 'a move'}`;
}
