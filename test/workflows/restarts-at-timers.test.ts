/**
 * Restarts of the control worker before, at and after every kind of timer, of many services at once, while somebody asks
 * each of them every second: no run is beyond repetition afterwards, and no guard is stuck. `npm run test:long` does more.
 */
import { inject, afterAll, beforeAll, expect, test } from 'vitest';
import { askWorkflow } from '../../src/control/ask.js';
import { readVitals } from '../../src/control/running.js';
import { GOVERNOR_ID } from '../../src/workflows/ids.js';
import { guardViewQuery } from '../../src/workflows/messages.js';
import { eventually } from '../kit/eventually.js';
import { openScene, type Scene } from '../kit/move-scene.js';
import { closeWithGuards } from '../kit/restart-at-timer.js';
import { patienceMs, runs, seeded } from '../kit/runs.js';
import { say, sleepUntil, TIMERS, watched, type Watched } from '../kit/timers-to-meet.js';
import { mustReplay } from '../kit/whole-replay.js';
import type { Random } from '../sim/random.js';

const SERVICES = Math.min(20, runs(6));
const RESTARTS = runs(2);
/** From the orders to the moment at which their timers run out, more or less. */
const AHEAD_MS = 4_000;
const ASKED_EVERY_MS = 1_000;
/** A worker takes a task along into its death: the server gives it out again after 10 s. */
const SETTLED_MS_MAX = 60_000;

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
});
afterAll(async () => await closeWithGuards(scene));

test(
  `${RESTARTS} restarts at the timers of ${SERVICES} services`,
  async () => await seeded(async (random) => await restartAtTimers(random)),
  patienceMs(120_000),
);

async function restartAtTimers(random: Random): Promise<void> {
  const services: Watched[] = [];
  for (let i = 0; i < SERVICES; i += 1) services.push(await watched(scene, random.chance(0.2)));
  await eventually(async () => (await readVitals(scene.client, GOVERNOR_ID)) === 'running');
  const asking = askForEver(services);
  const underWay: Promise<unknown>[] = [];
  for (let restart = 0; restart < RESTARTS; restart += 1) underWay.push(...(await oneRestart(services, random)));
  await Promise.all(underWay);
  const { asked, answered } = await asking.stop();
  // How many is a matter of the machine: most of the time the worker is away, or replays.
  expect(answered).toBeGreaterThan(0);
  // A worker that remembers nothing: every guard must answer it.
  await scene.worker.die();
  scene.worker.comeBack();
  await eventually(async () => (await stuckOf(services)).length === 0, SETTLED_MS_MAX);
  const replayed = await mustReplay(scene.client, inject('workflowBundlePath'));
  console.log(JSON.stringify({ restarts: RESTARTS, services: SERVICES, asked, answered, runsReplayed: replayed }));
}

/** Orders whose timers run out at about one moment, and a worker that is away around it. @returns what is still under way */
async function oneRestart(services: readonly Watched[], random: Random): Promise<readonly Promise<unknown>[]> {
  const atMs = Date.now() + AHEAD_MS;
  const ordered = services.map(async (one) => {
    const order = TIMERS[random.pick(Object.keys(TIMERS))];
    // An order that is refused, or that finds the worker away, is as good.
    await order?.(scene, one, atMs + random.whole(-500, 500)).catch(() => undefined);
  });
  const awayAtMs = atMs + random.whole(-1_500, 200);
  const backAtMs = Math.max(awayAtMs + 200, atMs + random.whole(-300, 2_500));
  await sleepUntil(awayAtMs);
  await scene.worker.die();
  const heard = services
    .filter(() => random.chance(0.3))
    .map(async (one) => await say(one, 'c', random.pick(['degraded', 'healthy'])));
  await sleepUntil(backAtMs);
  scene.worker.comeBack();
  return [...heard, ...ordered];
}

function askForEver(services: readonly Watched[]) {
  let [asked, answered] = [0, 0];
  const ask = async ({ guard }: Watched): Promise<void> => {
    asked += 1;
    const view = await askWorkflow(scene.client, guard.workflowId, guardViewQuery).catch(() => null);
    if (view !== null) answered += 1;
  };
  const asking = new Set<Promise<void>>();
  const timer = setInterval(() => {
    for (const one of services) {
      const answer = ask(one).finally(() => asking.delete(answer));
      asking.add(answer);
    }
  }, ASKED_EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(asking);
      return { asked, answered };
    },
  };
}

/** Guards that answer nobody, or fail at their task. */
async function stuckOf(services: readonly Watched[]): Promise<readonly string[]> {
  const looks = services.map(async ({ guard: { workflowId } }) => {
    const view = await askWorkflow(scene.client, workflowId, guardViewQuery).catch(() => null);
    return view === null || (await readVitals(scene.client, workflowId)) !== 'running' ? [workflowId] : [];
  });
  return (await Promise.all(looks)).flat();
}
