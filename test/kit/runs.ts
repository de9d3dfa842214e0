/**
 * How much of what is random a test tries: little enough for every run, as often as wanted by `npm run test:long`, which
 * sets UNDERSTUDY_TEST_RUNS. fast-check prints the seed of what failed.
 */
import { randomFrom, type Random } from '../sim/random.js';

const TIMES = Number(process.env['UNDERSTUDY_TEST_RUNS'] ?? 1);

/** Where chance begins: another one tries other cases. A failure prints what to set UNDERSTUDY_TEST_SEED to. */
export const SEED = Number(process.env['UNDERSTUDY_TEST_SEED'] ?? 1);

/** Runs it with a seed of its own each time; a failure says which, and UNDERSTUDY_TEST_SEED repeats it. */
export async function seeded(run: (random: Random) => Promise<void>): Promise<void> {
  const seed = Number(process.env['UNDERSTUDY_TEST_SEED'] ?? Date.now() % 1_000_000);
  try {
    await run(randomFrom(seed));
  } catch (error) {
    throw new Error(`UNDERSTUDY_TEST_SEED=${seed}: ${(error as Error).message}`, { cause: error });
  }
}

export const runs = (usual: number): number => Math.ceil(usual * TIMES);

/** A test's time limit, longer as the test is. */
export const patienceMs = (usual: number): number => Math.ceil(usual * Math.max(1, TIMES));
