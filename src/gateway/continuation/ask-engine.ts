/** Short questions to the engine that goes on with a broken answer. Its caller waits, so the wait is short too. */
import type { EngineQuestion } from '../../engines/continuation.js';
import { parseObject } from '../json-object.js';
import type { Member } from '../service/member.js';

/** An answer that is a little less exact is better than a long gap. */
const ANSWER_MS_MAX = 500;
/** Engines send all ids of a text along: eight digits and a comma for each of the 60,000 tokens that are kept at most. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** `null` when the engine cannot, or does not in time; never rejects. */
export async function askEngine<Of, Told>(
  { upstream, model }: Pick<Member, 'upstream' | 'model'>,
  question: EngineQuestion<Of, Told>,
  of: Of,
): Promise<Told | null> {
  try {
    const { statusCode, body } = await upstream.pool.request({
      method: 'POST',
      path: upstream.prefix + question.path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(question.ask(model, of)),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    // Leaving a body early is an error of the body's to undici; without a listener it would end this process.
    body.on('error', () => undefined);
    const answer = await readUpTo(body, ANSWER_BYTES_MAX);
    const parsed = statusCode === 200 && answer !== null ? parseObject(answer) : null;
    return parsed === null ? null : question.read(parsed);
  } catch {
    return null;
  }
}

async function readUpTo(body: AsyncIterable<Buffer>, bytesMax: number): Promise<string | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > bytesMax) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
