/**
 * How many tokens were said before a break, where only the frames are known: the cluster that is asked for the rest counts
 * them, at the same time, so that the caller does not wait for it.
 */
import { dialectOf } from '../../engines/registry.js';
import type { Member } from '../service/member.js';
import { turnOfCount } from '../request/a-few-a-turn.js';
import { askEngine } from './ask-engine.js';
import type { Transcript } from './transcript.js';

/** Resolves to whether more was said than was thought; never rejects. `null`: there is nothing to count. */
export function countSaid(transcript: Transcript, member: Member): Promise<boolean> | null {
  const { uncounted } = transcript;
  const { count } = dialectOf(member.engine).continuation;
  if (uncounted === null || count === null) return null;
  return turnOfCount()
    .then(() => askEngine(member, count, uncounted))
    .then((tokens) => tokens !== null && transcript.counted(tokens));
}
