/**
 * How many tokens were said before a break, where only the frames are known: the cluster that is asked for the rest counts
 * them, at the same time, so that the caller does not wait for it.
 */
import { dialectOf } from '../../engines/registry.js';
import { parseObject } from '../json-object.js';
import type { Member } from '../service/member.js';
import type { Transcript } from './transcript.js';

/** The rest is held back meanwhile: an answer that is a few tokens too long is better than a long gap. */
const ANSWER_MS_MAX = 500;
/** The engines send all the ids along: eight digits and a comma for each of the 60,000 tokens that are kept at most. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** Resolves to whether more was said than was thought; never rejects. `null`: there is nothing to count. */
export function countSaid(transcript: Transcript, member: Member): Promise<boolean> | null {
  const { uncounted } = transcript;
  if (uncounted === null) return null;
  return countTokens(member, uncounted).then((tokens) => tokens !== null && transcript.counted(tokens));
}

/** `null` when its engine cannot, or does not in time. */
async function countTokens({ upstream, engine, model }: Member, text: string): Promise<number | null> {
  const { count } = dialectOf(engine).continuation;
  if (count === null) return null;
  try {
    const { statusCode, body } = await upstream.pool.request({
      method: 'POST',
      path: upstream.prefix + count.path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(count.ask(model, text)),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    // Leaving a body early is an error of the body's to undici; without a listener it would end this process.
    body.on('error', () => undefined);
    const answer = await readUpTo(body, ANSWER_BYTES_MAX);
    const parsed = statusCode === 200 && answer !== null ? parseObject(answer) : null;
    return parsed === null ? null : count.read(parsed);
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
