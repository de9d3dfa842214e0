/** Short questions to the engine that goes on with a broken answer. Its caller waits, so the wait is short too. */
import type { EngineQuestion } from '../../engines/continuation.js';
import { parseFields } from '../../domain/outside.js';
import { askMember } from '../service/ask-member.js';
import type { Member } from '../service/member.js';

/** An answer that is a little less exact is better than a long gap. */
const ANSWER_MS_MAX = 500;
/** Engines send all ids of a text along: eight digits and a comma for each of the 60,000 tokens that are kept at most. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** `null` when the engine cannot, or does not in time; never rejects. */
export async function askEngine<Of, Told>(
  member: Pick<Member, 'upstream' | 'authorization' | 'model'>,
  question: EngineQuestion<Of, Told>,
  of: Of,
): Promise<Told | null> {
  try {
    const json = question.ask(member.model, of);
    const bounds = { bytesMax: ANSWER_BYTES_MAX, timeoutMs: ANSWER_MS_MAX };
    const answer = await askMember(member, question.path, { json, ...bounds });
    const parsed = answer.status === 200 ? parseFields(answer.body.toString('utf8')) : null;
    return parsed === null ? null : question.read(parsed);
  } catch {
    return null;
  }
}
