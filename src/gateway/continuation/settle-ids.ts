/** What must be known before a cluster is asked for the rest by token ids. Only after a break, and then not often. */
import { dialectOf } from '../../engines/registry.js';
import type { Member } from '../service/member.js';
import { askEngine } from './ask-engine.js';
import type { Transcript } from './transcript.js';

/** Never rejects; `null`: there is nothing to ask. */
export function settleIds({ ids }: Transcript, member: Member): Promise<void> | null {
  const rules = dialectOf(member.engine).continuation.tokenIds;
  const open = ids?.open ?? null;
  if (ids === null || open === null || rules === null) return null;
  const answers = [
    open.doubted === null ? null : askEngine(member, rules.textOf, open.doubted),
    open.context ? askEngine(member, rules.contextTokens, null) : null,
  ] as const;
  return Promise.all(answers).then(([doubtedText, contextTokens]) => ids.settle({ doubtedText, contextTokens }));
}
