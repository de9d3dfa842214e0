/** Which question a completion asks, and how its answer is judged: four random words, or a question of the configuration. */
import { randomInt } from 'node:crypto';
import { createContext, Script } from 'node:vm';
import type { GoldenPrompt } from '../domain/fleet.js';
import { goldenQuestion, isGarbled, judgeAnswer, type GoldenAnswer } from './golden.js';

/** A pattern that backtracks for longer than this says nothing: the loop that all watches share must not wait for it, ms. */
const MATCH_MAX_MS = 50;
const NONCE_MAX = 1_000_000;

export interface Question {
  readonly prompt: string;
  /** `null`: nothing can be said of this answer. */
  judge(answer: GoldenAnswer): boolean | null;
}

export function questionFor(golden: false | readonly GoldenPrompt[] | undefined): Question {
  if (golden === undefined || golden === false) {
    const question = goldenQuestion();
    const judge = (answer: GoldenAnswer): boolean | null => (golden === false ? null : judgeAnswer(question, answer));
    return { prompt: question.prompt, judge };
  }
  const chosen = golden[randomInt(golden.length)];
  if (chosen === undefined) return questionFor(undefined);
  // A number in front: the prefix cache would answer what was asked before, and prove no prefill.
  const prompt = `Request ${randomInt(NONCE_MAX)}.\n${chosen.prompt}`;
  return { prompt, judge: (answer) => judgeByPattern(chosen, answer) };
}

/** Right when the pattern is found and nothing of it is garbage; thoughts instead of an answer cannot be judged. */
export function judgeByPattern(golden: GoldenPrompt, answer: GoldenAnswer): boolean | null {
  const text = answer.text.trim();
  if (text === '') return answer.thought ? null : false;
  if (isGarbled(text, isLatin(golden.prompt))) return false;
  const found = isFound(golden.expect, text);
  return found === false && (answer.thought || text.toLowerCase().startsWith('<think')) ? null : found;
}

const isLatin = (text: string): boolean => (text.match(/\p{L}/gu) ?? []).every((l) => /\p{Script=Latin}/u.test(l));

const box = createContext(Object.create(null) as { source?: string; text?: string });
const search = new Script('new RegExp(source, "iu").test(text)');

/** `null` when it takes too long: a pattern is the operator's, but what it is held against is the cluster's. */
function isFound(source: string, text: string): boolean | null {
  try {
    return search.runInContext(Object.assign(box, { source, text }), { timeout: MATCH_MAX_MS }) === true;
  } catch {
    return null;
  }
}
