/** Asks a cluster something on the gateway's own account. */
import { headersFor } from '../request/headers.js';
import { askWhole, type Bounds, type WholeAnswer } from '../upstream/ask-whole.js';
import type { Member } from './member.js';

const JSON_HEADERS = ['content-type', 'application/json'];

/**
 * `path`: below the cluster's URL. A caller's key stays out of it; the cluster's own goes along.
 * @throws Error when no answer comes, or none within the bounds
 */
export async function askMember(
  { upstream, authorization }: Pick<Member, 'upstream' | 'authorization'>,
  path: string,
  { json, ...bounds }: Bounds & { readonly json: unknown },
): Promise<WholeAnswer> {
  const request = {
    method: 'POST',
    path: upstream.prefix + path,
    headers: headersFor(JSON_HEADERS, authorization),
    body: Buffer.from(JSON.stringify(json)),
  };
  return await askWhole(upstream.connections, request, bounds);
}
