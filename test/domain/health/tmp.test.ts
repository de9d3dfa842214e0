import { test } from 'vitest';
import { replayTrace, traceNames } from './replay-trace.js';
test('show', () => {
  for (const n of traceNames()) {
    const r = replayTrace(n);
    console.log(`== ${n} gen=${r.generationProbes}/${r.ticks} expect=${JSON.stringify(r.header.expect)}\n` + r.changes.map((c) => `   ${c.t} ${c.cluster} ${c.verdict} | ${c.why.slice(0, 150)}`).join('\n'));
  }
});
