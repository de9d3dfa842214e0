/** What a guard tells the governor: a pure view of its state. */
import { recentlyAutomatic } from '../guard/close-move.js';
import type { GuardState } from '../guard/state.js';
import { doCallersConfirm } from '../health/news.js';
import type { ServiceReport } from './governor.js';

/** A running automatic move counts from its beginning. @replayed */
export function reportOf(state: GuardState, nowMs: number): ServiceReport {
  const { move, automaticAtMs } = state;
  const running = move !== null && move.input.attribution.via === 'auto' ? [move.startedAtMs] : [];
  return {
    service: state.spec.name,
    clusters: state.spec.members.map(({ cluster: name }) => {
      const known = state.known[name];
      return { name, illSinceMs: known?.illSinceMs ?? null, confirmed: doCallersConfirm(known?.diagnosis) };
    }),
    automaticAtMs: recentlyAutomatic([...running, ...automaticAtMs], nowMs),
  };
}
