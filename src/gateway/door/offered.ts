/**
 * What callers may ask of the API's paths: which methods, and not what changes a cluster for everybody. Sent through a
 * gateway, that would change any one of the clusters; whoever runs one speaks to it directly. Paths that are not known here
 * pass to the cluster: it may know them.
 */
import { isManagementRoute } from './management-routes.js';

const ANY: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** Of what nearly everybody asks for. */
const POST: readonly string[] = ['POST'];
const READ: readonly string[] = ['GET', 'HEAD'];

/** TRACE, say, would bring back the key that the cluster was sent. */
const METHODS: readonly (readonly [paths: RegExp, methods: readonly string[]])[] = [
  [
    /^\/v1\/(?:chat\/completions|completions|embeddings|rerank|score|classify|pooling|moderations|tokenize|detokenize|messages(?:\/count_tokens)?|audio\/\w+|images\/\w+|responses(?:\/[^/]+\/cancel)?)$/,
    POST,
  ],
  [/^\/v1\/models\/[^/]+:(?:predict|explain)$/, POST], // KServe
  [/^\/v1\/models(?:\/|$)/, READ],
  [/^\/v1\/responses\/[^/]+$/, [...READ, 'DELETE']],
  [/^\/v1\/responses\/[^/]+\/input_items$/, READ],
];

export type Offered =
  | { readonly kind: 'offered' }
  | { readonly kind: 'bad-method'; readonly methods: readonly string[] }
  | { readonly kind: 'of-operators' };

const OFFERED: Offered = { kind: 'offered' };

/** `path` in its one spelling, with its query. */
export function offered(method: string, path: string, managementRoutes: 'refuse' | 'pass' = 'refuse'): Offered {
  const [bare = ''] = path.split('?', 1);
  const methods = METHODS.find(([paths]) => paths.test(bare))?.[1] ?? ANY;
  if (managementRoutes === 'refuse' && methods !== POST && isManagementRoute(bare)) return { kind: 'of-operators' };
  return methods.includes(method) ? OFFERED : { kind: 'bad-method', methods };
}
