/**
 * The panic rule: when more than half of what one looks at goes bad at once, it is most likely the eyes. Callers decide:
 * what they confirm is real. A cluster that was bad for longer is no sign of anything, it is merely no target.
 */
import { AT_ONCE_MS } from '../health/doubt.js';
import { doCallersConfirm } from '../health/news.js';
import type { Witness } from '../plan/types.js';
import type { ClusterName } from '../words.js';
import type { GuardState } from './state.js';

/** Who vouches for the failure of these clusters. @replayed */
export function witnessOf(state: GuardState, failing: readonly ClusterName[]): Witness {
  return failing.some((name) => doCallersConfirm(state.known[name]?.diagnosis)) ? 'callers' : 'probes';
}

/** One sentence when nothing may move because more than half went bad together; else `null`. @replayed */
export function judgePanic(state: GuardState, failing: readonly ClusterName[]): string | null {
  if (witnessOf(state, failing) === 'callers') return null;
  const lastMs = Math.max(...failing.map((name) => state.known[name]?.illSinceMs ?? 0));
  const names = state.spec.members.map((m) => m.cluster);
  const together = names.filter((name) => isWithin(state.known[name]?.illSinceMs ?? null, lastMs, AT_ONCE_MS));
  if (together.length < 2 || together.length * 2 <= names.length) return null;
  return `${together.join(', ')}: more than half of the clusters of ${state.spec.name} went bad within ${AT_ONCE_MS / 1000} s, and no caller confirms it; most likely the observer is at fault, so nothing moves until it clears or a person orders it`;
}

const isWithin = (atMs: number | null, ofMs: number, spanMs: number): boolean =>
  atMs !== null && Math.abs(atMs - ofMs) <= spanMs;

/** A gray trouble clears and comes back; a cluster that healed no longer ago than this has not proved itself yet. */
const PROBATION_MS = 5 * 60_000;

/** Members that are well, but were failing a moment ago: targets after all others. @replayed */
export function onProbation(state: GuardState, nowMs: number): readonly ClusterName[] {
  const names = state.spec.members.map((m) => m.cluster);
  return names.filter((name) => (state.known[name]?.healedAtMs ?? -Infinity) > nowMs - PROBATION_MS);
}

/** Members whose trouble is too old, or too well known, to be part of what goes bad now. @replayed */
export function illBefore(state: GuardState, nowMs: number): readonly ClusterName[] {
  const names = state.spec.members.map((m) => m.cluster);
  const wary = onProbation(state, nowMs);
  return names.filter(
    (name) => wary.includes(name) || (state.known[name]?.illSinceMs ?? Infinity) < nowMs - AT_ONCE_MS,
  );
}
