/** `npm run sim -- --seed N [--hours H]`: the story of one seed; exit 1 when it breaks an invariant. */
import { parseArgs } from 'node:util';
import { runWorld } from './run-world.js';

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, hours: { type: 'string', default: '8' } },
});
const [seed, hours] = [Number(values.seed), Number(values.hours)];
if (!Number.isInteger(seed) || !(hours > 0)) {
  process.stderr.write('usage: npm run sim -- --seed <whole number> [--hours <number>]\n');
  process.exitCode = 2;
} else {
  const run = runWorld({ seed, hours });
  process.stdout.write(
    `${run.story.join('\n')}\n${run.broken.length === 0 ? `nothing broken in ${hours} h, ${run.moves} moves` : 'BROKEN'}\n`,
  );
  process.exitCode = run.broken.length === 0 ? 0 : 1;
}
