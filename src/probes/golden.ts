/** A question whose answer is known, new every time, and a judge that is strict with nonsense and tolerant with style. */
import { randomInt } from 'node:crypto';

/** Short common words: one or two tokens each in any tokenizer, so that all of them fit into a small `max_tokens`. */
const WORDS =
  'amber apple bridge cedar cloud coral desert eagle forest garden harbor island jasper lemon maple marble ocean olive paper pebble pine river silver stone tiger valley willow winter'.split(
    ' ',
  );
const WORDS_ASKED = 4;
/** An answer that says one word this often in a row has lost its way. */
const REPEATED_MAX = 4;
/** A few letters, or the `!` of an engine whose numbers have run over, eight times and more without a break. */
const LOOP = /([\p{L}!]{1,8}?)\1{7}/u;
/** Letters of scripts that the question does not use; a share of them above this is not style. */
const FOREIGN_SHARE_MAX = 0.2;

export interface GoldenQuestion {
  readonly prompt: string;
  readonly words: readonly string[];
}

/** Random words are the nonce too: a repeated prompt would be answered from the prefix cache and prove no prefill. */
export function goldenQuestion(): GoldenQuestion {
  const pool = [...WORDS];
  const words = Array.from({ length: WORDS_ASKED }, () => pool.splice(randomInt(pool.length), 1)[0] ?? 'amber');
  return { prompt: `Repeat exactly: ${words.join(' ')}`, words };
}

export interface GoldenAnswer {
  readonly text: string;
  /** The model spent tokens on thinking aloud. */
  readonly thought: boolean;
  /** How the answer ended; `length` means that there may have been more. */
  readonly finish: string | null;
}

/**
 * Right when at least half of the words came back, in any style, and nothing of it is garbage. `null`: it cannot be
 * judged, as with thoughts instead of an answer, or an answer that was cut off before half of the words had room.
 */
export function judgeAnswer(question: GoldenQuestion, answer: GoldenAnswer): boolean | null {
  const text = answer.text.trim();
  if (text === '') return answer.thought ? null : false;
  if (isGarbled(text)) return false;
  const lower = text.toLowerCase();
  if (answer.thought || lower.startsWith('<think')) return null;
  const found = question.words.filter((word) => lower.includes(word)).length;
  if (found * 2 >= question.words.length) return true;
  const hadRoom = answer.finish !== 'length' || text.length >= question.words.join(' ').length;
  return hadRoom ? false : null;
}

/** Broken characters, letters of scripts that nobody used, or one word or a few letters over and over. */
export function isGarbled(text: string, isLatinAsked = true): boolean {
  if (text.includes('\ufffd') || LOOP.test(text)) return true;
  if (isLatinAsked && isForeign(text)) return true;
  return longestRun(text.toLowerCase().split(/\s+/)) > REPEATED_MAX;
}

function isForeign(text: string): boolean {
  const letters = text.match(/\p{L}/gu) ?? [];
  const foreign = letters.filter((letter) => !/\p{Script=Latin}/u.test(letter)).length;
  return foreign > FOREIGN_SHARE_MAX * Math.max(letters.length, 1);
}

function longestRun(words: readonly string[]): number {
  let longest = 0;
  let run = 0;
  words.forEach((word, index) => {
    run = index > 0 && word === words[index - 1] ? run + 1 : 1;
    longest = Math.max(longest, run);
  });
  return longest;
}
