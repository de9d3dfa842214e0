/** A process of its own that probes every hostile target once. It ends by itself, or something was left open. */
import { probeEverything } from './all-probes.js';
import { ATTACKS, HostileTarget, type AttackName } from './hostile-target.js';

const TIMEOUT_MS = 200;
/** Idle connections are kept for a minute: ending sooner shows that they hold nothing up. */
const EXIT_WITHIN_MS = 20_000;

const late = setTimeout(() => {
  console.log(`still open: ${process.getActiveResourcesInfo().join(', ')}`);
  process.exit(1);
}, EXIT_WITHIN_MS);
late.unref();

let visited = 0;
for (const name of Object.keys(ATTACKS) as AttackName[]) {
  const target = await HostileTarget.start(name);
  await probeEverything(target.url, TIMEOUT_MS, new AbortController().signal);
  await target.stop();
  visited += 1;
}
console.log(`visited ${visited}`);
