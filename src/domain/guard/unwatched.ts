/** Vantages without a watcher, each with the clusters that nobody watches from there. */
import type { ClusterName, Vantage } from '../words.js';

export interface Unwatched {
  readonly vantage: Vantage;
  readonly clusters: readonly ClusterName[];
}

export function unwatchedOf(
  clusters: readonly { readonly name: ClusterName; readonly unwatchedFrom?: readonly Vantage[] }[],
): readonly Unwatched[] {
  const vantages = [...new Set(clusters.flatMap((c) => c.unwatchedFrom ?? []))].sort();
  return vantages.map((vantage) => ({
    vantage,
    clusters: clusters.flatMap((c) => (c.unwatchedFrom?.includes(vantage) === true ? [c.name] : [])),
  }));
}

export const unwatchedSentence = ({ vantage, clusters }: Unwatched): string =>
  `no probe worker watches ${clusters.join(', ')} from ${vantage}: that vantage has no vote`;
