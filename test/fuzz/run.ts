/** Plays the cases of a boundary one after the other. Each case has a generator of its own, so that it can be had alone. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomFrom } from '../sim/random.js';
import { Broken, type Arena, type Boundary } from './boundary.js';

/** Cases between two looks at what only many cases show. */
const LOOK_EVERY = 100;
/** When a case alone is quiet, these before it may have had a part. */
const SUSPECTS = 20;

export interface Find {
  readonly boundary: string;
  readonly seed: number;
  readonly index: number;
  readonly broken: Broken;
  /** Where the case is, as JSON. */
  readonly file: string;
  /** Plays exactly this case, or it and those before it where the case alone was quiet. */
  readonly command: string;
}

export interface RunOrder {
  readonly seed: number;
  /** The first case, and how many at most. */
  readonly from?: number;
  readonly cases: number;
  /** `performance.now()` at which no further case begins. */
  readonly untilMs?: number;
  readonly findsMax?: number;
  readonly progress?: (played: number) => void;
}

export interface Ran {
  readonly played: number;
  readonly finds: readonly Find[];
}

export function caseOf<Case>(boundary: Boundary<Case>, seed: number, index: number): Case {
  return boundary.generate(randomFrom((seed * 0x9e3779b1 + index * 0x85ebca6b) >>> 0));
}

export async function run(boundary: Boundary, order: RunOrder): Promise<Ran> {
  const { seed, from = 0, cases, untilMs = Infinity, findsMax = 1 } = order;
  const finds: Find[] = [];
  let arena = await boundary.open();
  let index = from;
  try {
    for (; index < from + cases && performance.now() < untilMs && finds.length < findsMax; index++) {
      const broken = await brokenBy(arena, caseOf(boundary, seed, index), index);
      order.progress?.(index - from + 1);
      if (broken === null) continue;
      await arena.close();
      finds.push(await report(boundary, { seed, index, from, broken }));
      arena = await boundary.open(); // what comes next meets whole processes
    }
  } finally {
    await arena.close();
  }
  return { played: index - from, finds };
}

async function brokenBy(arena: Arena, one: unknown, index: number): Promise<Broken | null> {
  try {
    await arena.play(one);
    if ((index + 1) % LOOK_EVERY === 0) await arena.checkNowAndThen?.();
    return null;
  } catch (error) {
    return asBroken(error);
  }
}

/** What the fuzzer itself could not do is shown as well: it may be a process that no longer answers. */
function asBroken(error: unknown): Broken {
  if (error instanceof Broken) return error;
  return new Broken(`the case could not be played: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
}

/** Plays a case that was saved, on processes of its own; `null`: everything held. */
export async function playAlone(boundary: Boundary, one: unknown): Promise<Broken | null> {
  const arena = await boundary.open();
  try {
    const broken = await brokenBy(arena, one, 0);
    if (broken !== null) return broken;
    await arena.checkNowAndThen?.();
    return null;
  } catch (error) {
    return asBroken(error);
  } finally {
    await arena.close();
  }
}

async function report(
  boundary: Boundary,
  seen: { readonly seed: number; readonly index: number; readonly from: number; readonly broken: Broken },
): Promise<Find> {
  const { seed, index, from, broken } = seen;
  const one = caseOf(boundary, seed, index);
  const dir = join(tmpdir(), 'understudy-fuzz');
  mkdirSync(dir, { recursive: true });
  const file = join(dir, `${boundary.name}-${seed}-${index}.json`);
  const found = { boundary: boundary.name, seed, index, what: broken.message, evidence: broken.evidence, case: one };
  writeFileSync(file, JSON.stringify(found, null, 1));
  const alone = await playAlone(boundary, one);
  const first = Math.max(from, index - SUSPECTS);
  const range = `npm run fuzz -- --only ${boundary.name} --seed ${seed} --case ${first}-${index}`;
  const command = alone === null ? range : `npm run fuzz -- --replay ${file}`;
  return { boundary: boundary.name, seed, index, broken, file, command };
}

export function describeFind({ boundary, seed, index, broken, file, command }: Find): string {
  const evidence = broken.evidence === '' ? '' : `\n${broken.evidence}`;
  return `FOUND by ${boundary}, seed ${seed}, case ${index}: ${broken.message}${evidence}\n  the case: ${file}\n  again: ${command}`;
}
