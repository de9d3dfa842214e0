/**
 * What a cluster is asked for the rest of a broken answer. How much more may be said follows from how much was: where only
 * the frames are known, the cluster counts the tokens. That is only after a break, so it may cost a round trip.
 */
import type { ContinuedRequest } from '../../domain/continuation/continued-request.js';
import { dialectOf } from '../../engines/registry.js';
import { parseObject } from '../json-object.js';
import type { Member } from '../service/member.js';
import type { Transcript } from './transcript.js';

/** The caller waits meanwhile: an answer that is a few tokens too long is better than a long gap. */
const ANSWER_MS_MAX = 500;
/** The engines send all the ids along: eight digits and a comma for each of the 60,000 tokens that are kept at most. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** Never rejects. */
export async function requestForRest(transcript: Transcript, member: Member): Promise<ContinuedRequest> {
  const request = transcript.requestFor(member);
  const { uncounted } = transcript;
  if (request.kind !== 'ask' || uncounted === null) return request;
  const tokens = await countTokens(member, uncounted);
  if (tokens === null) return request;
  transcript.counted(tokens);
  return transcript.requestFor(member);
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
