import { clusterAuthorization } from '../domain/cluster-key.js';
import type { ClusterSpec } from '../domain/fleet.js';

/** The headers with which a cluster is asked: its key, where it has one. */
export function keyHeaders({ apiKeyEnv }: Pick<ClusterSpec, 'apiKeyEnv'>): Readonly<Record<string, string>> {
  const authorization = clusterAuthorization(apiKeyEnv, process.env);
  return authorization === null ? {} : { authorization };
}

/** The address of one of a cluster's endpoints: its base URL may have a path of its own, with or without a slash. */
export function urlOf(cluster: { readonly url: string }, path: string): string {
  return `${cluster.url.replace(/(?<!\/)\/+$/, '')}/${path.replace(/^\/+/, '')}`;
}
