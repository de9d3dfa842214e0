/**
 * What a guard knew, from what it was told and what came of its moves: for a guard whose workflow cannot be asked any
 * more. It decides nothing, so nothing is ordered again. Whether the traffic still is where the last move left it only
 * the layer knows: epoch 0 lets the new guard take over what the layer holds, whatever it is.
 */
import type { MoveRecord } from '../move-record.js';
import type { MoveInput } from '../plan/types.js';
import type { ClusterName } from '../words.js';
import { closeMove } from './close-move.js';
import type { GuardEvent } from './commands.js';
import { hearVerdict } from './hear-verdict.js';
import { withoutExpired } from './maintenance.js';
import type { GuardState } from './state.js';

export type Recalled =
  | Extract<GuardEvent, { kind: 'verdict' | 'freeze' | 'unfreeze' | 'maintenance' }>
  | Pick<Extract<GuardEvent, { kind: 'configured' }>, 'kind' | 'spec' | 'clusters'>
  | { readonly kind: 'move-began'; readonly id: string; readonly input: MoveInput }
  | { readonly kind: 'move-ended'; readonly id: string; readonly record: MoveRecord }
  /** Terminated, or never started: there is no record of it. */
  | { readonly kind: 'move-lost'; readonly id: string };

export interface Told {
  readonly atMs: number;
  readonly what: Recalled;
}

/** `begun`: what it began with. A move that is still open stays in the state: whoever uses it decides about that. */
export function recallGuard(begun: GuardState, told: readonly Told[], nowMs: number): GuardState {
  const heard = told.reduce((state, { atMs, what }) => recall(state, what, atMs), begun);
  return { ...withoutExpired(heard, nowMs), epoch: 0, spill: null, spillRefused: {}, failback: null, fleet: null };
}

function recall(state: GuardState, what: Recalled, atMs: number): GuardState {
  switch (what.kind) {
    case 'verdict':
      return isMember(state, what.cluster) ? hearVerdict(state, what, atMs) : state;
    case 'configured':
      return { ...state, spec: what.spec, clusters: what.clusters };
    case 'freeze': {
      const { by, reason } = what.attribution;
      return { ...state, freeze: { by, reason, untilMs: atMs + what.forMs } };
    }
    case 'unfreeze':
      return { ...state, freeze: null };
    case 'maintenance':
      return maintained(state, what, atMs);
    case 'move-began': {
      const { id, input } = what;
      const move = { id, input, startedAtMs: atMs, step: '', state: 'running', question: null, superseded: false };
      return { ...state, move };
    }
    case 'move-ended':
      return closeMove(state, what, atMs);
    case 'move-lost':
      return state.move?.id === what.id ? { ...state, move: null } : state;
  }
}

const isMember = (state: GuardState, name: ClusterName): boolean => state.spec.members.some((m) => m.cluster === name);

function maintained(
  state: GuardState,
  { cluster, forMs, attribution: { by, reason } }: Extract<Recalled, { kind: 'maintenance' }>,
  atMs: number,
): GuardState {
  const others = Object.entries(state.maintenance).filter(([name]) => name !== cluster);
  if (forMs <= 0 || !isMember(state, cluster)) return { ...state, maintenance: Object.fromEntries(others) };
  return { ...state, maintenance: { ...Object.fromEntries(others), [cluster]: { by, reason, untilMs: atMs + forMs } } };
}
