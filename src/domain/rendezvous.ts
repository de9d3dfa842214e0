/**
 * Weighted rendezvous hashing: a key goes to the cluster with the highest score, a cluster's score depends on nothing but
 * key, name and weight. So a weight change moves only the share that must move, and every replica decides alike.
 */
import type { ClusterName, Weights } from './words.js';

const HASH_SPACE = 2 ** 32;

/** 32-bit FNV-1a of both strings, finished with the avalanche of murmur3: neighbouring keys must not correlate. */
function hash(key: string, name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ 0xff, 0x01000193); // so that ("ab", "c") differs from ("a", "bc")
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
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
