/**
 * Weighted rendezvous hashing: a key goes to the cluster with the highest score, a cluster's score depends on nothing but
 * key, name and weight. So a weight change moves only the share that must move, and every replica decides alike.
 */
import { FNV_START, fnv1a } from './text-hash.js';
import type { ClusterName, Weights } from './words.js';

const HASH_SPACE = 2 ** 32;

/** FNV-1a of both strings, finished with the avalanche of murmur3: neighbouring keys must not correlate. */
function hash(key: string, name: string): number {
  let h = fnv1a(FNV_START, key);
  h = Math.imul(h ^ 0xff, 0x01000193); // so that ("ab", "c") differs from ("a", "bc")
  h = fnv1a(h, name);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The cluster of `key`, with probability proportional to weight; `null` when no weight is above zero. */
export function rendezvous(key: string, weights: Weights): ClusterName | null {
  let best: ClusterName | null = null;
  let bestScore = 0;
  for (const name in weights) {
    const weight = weights[name] ?? 0;
    if (weight <= 0) continue;
    // Uniform in (0, 1), never an end of it: the logarithm is finite and below zero.
    const uniform = (hash(key, name) + 0.5) / HASH_SPACE;
    const score = -weight / Math.log(uniform);
    if (best === null || score > bestScore) {
      best = name;
      bestScore = score;
    }
  }
  return best;
}

/**
 * A cluster may run this many times its share of what runs, and a few more, before a key that many may have in common
 * goes on to the next of its order: a hot key must not fill one cluster while the others are idle. A smaller factor
 * keeps closer to the shares and moves more conversations; the constant leaves small numbers, of which shares say little.
 */
const CROWDED_FACTOR = 1.25;
const CROWDED_EXTRA = 4;

/** Whether a cluster has more than belongs to it. `share` 0-1 of the `total` that runs on all that carry. */
export function isCrowded(seen: { readonly running: number; readonly total: number; readonly share: number }): boolean {
  return seen.running > CROWDED_FACTOR * seen.share * seen.total + CROWDED_EXTRA;
}

/** As `rendezvous`, past crowded clusters. All cannot be crowded at once: their bounds add up to more than what runs. */
export function rendezvousUncrowded(
  key: string,
  weights: Weights,
  running: (name: ClusterName) => number,
): ClusterName | null {
  const names = Object.keys(weights).filter((name) => (weights[name] ?? 0) > 0);
  const total = names.reduce((sum, name) => sum + running(name), 0);
  const weightTotal = names.reduce((sum, name) => sum + (weights[name] ?? 0), 0);
  const open: Record<ClusterName, number> = {};
  for (const name of names) {
    const weight = weights[name] ?? 0;
    if (!isCrowded({ running: running(name), total, share: weight / weightTotal })) open[name] = weight;
  }
  return rendezvous(key, open);
}
