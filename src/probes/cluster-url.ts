/** The address of one of a cluster's endpoints: its base URL may have a path of its own, with or without a slash. */
export function urlOf(cluster: { readonly url: string }, path: string): string {
  return `${cluster.url.replace(/\/+$/, '')}/${path.replace(/^\/+/, '')}`;
}
