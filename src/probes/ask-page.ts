/** A page of a cluster as text: what is not a whole 200 is not known. */
import type { ClusterSpec } from '../domain/fleet.js';
import { ask } from './ask.js';
import { keyHeaders, urlOf } from './cluster-url.js';

/** @returns the page, `null` when it is not known, `absent` for 404, 405 and 501 */
export async function askPage(
  cluster: ClusterSpec,
  place: { readonly path: string; readonly timeoutMs: number } | null,
  signal?: AbortSignal,
  bytesMax?: number,
): Promise<string | null | 'absent'> {
  if (place === null) return null;
  const limit = bytesMax === undefined ? {} : { bytesMax };
  const url = urlOf(cluster, place.path);
  const answer = await ask({ url, timeoutMs: place.timeoutMs, signal, headers: keyHeaders(cluster), ...limit });
  if ('error' in answer) return null;
  if (answer.status === 404 || answer.status === 405 || answer.status === 501) return 'absent';
  return answer.status === 200 && answer.whole ? answer.body : null;
}
