/** Where the conversation of a key is at home, among the clusters that carry. */
import { isPrefixKey } from '../../domain/conversation/prefix-key.js';
import { rendezvous, rendezvousUncrowded } from '../../domain/rendezvous.js';
import type { ClusterName, Weights } from '../../domain/words.js';
import type { Member } from './member.js';

/** One that its caller named stays where it is; those that only begin alike must not crowd a cluster. */
export function homeOf(key: string, weights: Weights, members: readonly Member[]): ClusterName | null {
  if (!isPrefixKey(key)) return rendezvous(key, weights);
  return rendezvousUncrowded(key, weights, (name) => members.find((m) => m.name === name)?.inFlight ?? 0);
}

export function without(weights: Weights, names: ReadonlySet<ClusterName>): Weights {
  return Object.fromEntries(Object.entries(weights).filter(([name]) => !names.has(name)));
}
