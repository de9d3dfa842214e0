/** What one cluster is asked: for all of an answer, or for the rest of one that broke off. */
import type { ContinuedRequest } from '../../domain/continuation/continued-request.js';
import type { Member } from '../service/member.js';
import type { ExchangeOrder } from './exchange-order.js';

/** `path`: of another API than the caller's. */
export interface RequestToAsk {
  readonly kind: 'ask';
  readonly body: Buffer | null;
  readonly path: string | null;
}

export function requestFor(
  { transcript, bodyFor }: Pick<ExchangeOrder, 'transcript' | 'bodyFor'>,
  member: Member,
): RequestToAsk | Exclude<ContinuedRequest, { kind: 'ask' }> {
  if (transcript?.begun !== true) {
    const body = bodyFor(member.model);
    return { kind: 'ask', body: transcript?.opening(body, member) ?? body, path: null };
  }
  const rest = transcript.requestFor(member);
  if (rest.kind !== 'ask') return rest;
  const path = rest.api === undefined ? null : `/v1/${rest.api}`;
  return { kind: 'ask', body: Buffer.from(JSON.stringify(rest.body)), path };
}
