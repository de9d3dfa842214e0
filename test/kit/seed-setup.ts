/** With UNDERSTUDY_TEST_SEED, property tests begin from it too, so that a whole run can be repeated. */
const seed = process.env['UNDERSTUDY_TEST_SEED'];
if (seed !== undefined) {
  const { default: fc } = await import('fast-check');
  fc.configureGlobal({ seed: Number(seed) });
}
export {};
