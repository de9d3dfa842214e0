/**
 * How much of what is random a test tries: little enough for every run, as often as wanted by `npm run test:long`, which
 * sets UNDERSTUDY_TEST_RUNS. fast-check prints the seed of what failed.
 */
const TIMES = Number(process.env['UNDERSTUDY_TEST_RUNS'] ?? 1);

/** Where chance begins: another one tries other cases. A failure prints what to set UNDERSTUDY_TEST_SEED to. */
export const SEED = Number(process.env['UNDERSTUDY_TEST_SEED'] ?? 1);

export const runs = (usual: number): number => Math.ceil(usual * TIMES);

/** A test's time limit, longer as the test is. */
export const patienceMs = (usual: number): number => Math.ceil(usual * Math.max(1, TIMES));
