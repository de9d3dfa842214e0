/** The yardstick of decisions: every recorded story, with the default settings, through the code that decides in production. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readTrace } from '../../src/cli/simulate/read-trace.js';
import { runTrace } from '../../src/cli/simulate/run-trace.js';
import { misses } from './expectation.js';

const FOLDER = fileURLToPath(new URL('../fixtures/traces/', import.meta.url));
const names = readdirSync(FOLDER).map((file) => file.replace('.jsonl.gz', ''));

test('there are thirty of them', () => expect(names).toHaveLength(30));

describe.each(names)('%s', (name) => {
  const path = `${FOLDER}${name}.jsonl.gz`;
  const trace = readTrace(path);
  const result = runTrace(trace, path).result();

  test('is answered as it should be', () => {
    expect(misses(trace.header, result)).toEqual([]);
  });

  test('costs completions only at some ticks while all is well', () => {
    const calm = result.verdicts.every((v) => v.verdict === 'healthy');
    // Each vantage asks an idle cluster every 5 s, three of them at times of their own.
    if (calm) expect(result.generationProbes).toBeLessThan(result.ticks * 0.9);
  });
});
