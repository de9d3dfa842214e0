/** Not acting is a decision too: it is recorded, and people hear of it once for each different reason. */
import type { GuardCommand } from './commands.js';
import { WHY_NOT_MAX, type GuardState } from './state.js';

export interface Decision {
  readonly state: GuardState;
  readonly commands: readonly GuardCommand[];
}

export interface Stay {
  readonly trigger: string;
  readonly why: string;
  /** Whether people should hear of it: a failing cluster that is left alone, not a failback that waits. */
  readonly alert: boolean;
  /** When the trouble began, ms: the same words of an earlier trouble were told of that one. */
  readonly sinceMs: number;
}

/** @replayed */
export function stay(state: GuardState, { trigger, why, alert, sinceMs }: Stay, nowMs: number): Decision {
  const told = state.whyNot.some((entry) => entry.trigger === trigger && entry.why === why && entry.atMs >= sinceMs);
  if (told) return { state, commands: [] };
  const commands: GuardCommand[] = alert
    ? [{ kind: 'alert', title: `${state.spec.name}: ${trigger}, nothing is moved`, text: why }]
    : [];
  return { state: noteWhyNot(state, trigger, why, nowMs), commands };
}

/** @replayed */
export function noteWhyNot(state: GuardState, trigger: string, why: string, nowMs: number): GuardState {
  return { ...state, whyNot: [{ atMs: nowMs, trigger, why }, ...state.whyNot].slice(0, WHY_NOT_MAX) };
}
