/**
 * kill -9 of each part of the control plane at a random moment of a ramp. Afterwards: the move has ended in a named
 * state, the weights are those of that state, no step was taken twice, nobody was told anything twice, no caller noticed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLoad, type LoadRun } from '../../src/simulator/load.js';
import { eventually } from '../kit/eventually.js';
import { startInstance, type TestInstance } from '../kit/instance.js';
import { freePortBase } from '../kit/ports.js';
import { seeded } from '../kit/runs.js';
import { fleetYaml, startFleet, type TestFleet } from '../kit/simulated-fleet.js';
import { openEmulatedSlack, SLACK_CHANNEL, SLACK_TOKEN, type EmulatedSlack } from '../kit/slack-emulated.js';
import { rampOf, servingNow, verdictsAre } from './fleet-status.js';

const NAMES = ['eu-a', 'us-b'];
/** The ramp of the test takes about this long, ms: five steps with a bake of one second. */
const RAMP_MS = 7_000;

let slack: EmulatedSlack;
let fleet: TestFleet;
let instance: TestInstance;
let load: LoadRun;

beforeAll(async () => {
  slack = await openEmulatedSlack();
  const portBase = await freePortBase();
  fleet = await startFleet(portBase, NAMES);
  const config = [
    'version: 1',
    `slack: { channel: "#${SLACK_CHANNEL}", tokenEnv: TEST_SLACK_TOKEN, apiUrl: "${slack.apiUrl}" }`,
    fleetYaml(portBase, NAMES, ['move: { bake: 1s }']),
  ].join('\n');
  instance = await startInstance({ portBase, config, env: { TEST_SLACK_TOKEN: SLACK_TOKEN } });
  await verdictsAre(instance, { 'eu-a': 'healthy', 'us-b': 'healthy' });
  load = startLoad({
    url: instance.info().gateway.url,
    model: 'chat',
    requestsPerSecond: 10,
    maxTokens: 24,
    timeoutMs: 60_000,
  });
});
afterAll(async () => {
  await load.stop();
  await instance.stop();
  await fleet.stop();
  await slack.close();
});

test.each(['worker control', 'worker probe local', 'temporal'])('%s is killed while the traffic ramps', (name) =>
  seeded(async (random) => await killWhileRamping(name, random.whole(0, RAMP_MS))),
);

async function killWhileRamping(name: string, afterMs: number): Promise<void> {
  const { to } = await servingNow(instance);
  const before = (await instance.history()).length;
  const epochBefore = rampOf(instance)[0]?.epoch ?? 0;
  await instance.mustWork('switchover', 'chat', '--to', to, '--reason', `kill ${name}`, '--by', 'tester');
  await eventually(() => (rampOf(instance)[0]?.epoch ?? 0) > epochBefore);
  await sleep(afterMs); // The random moment is the point of this test.
  const pid = instance.kill(name);
  console.log(`${name} (${pid}) was killed ${afterMs} ms after the first weight`);
  await eventually(() => instance.info().processes.some((p) => p.name === name && p.pid !== pid), 30_000);

  const move = await historyReaches(before + 1);
  expect(move).toMatchObject({ state: 'done', weights: { [to]: 100 }, report: { requests: { lost: 0, cut: 0 } } });
  await expectEachStepOnce(to);
  await expectToldOnce(move.id);
  expect(load.summary()).toMatchObject({ lost: 0, cut: 0, wrong: 0 });
}

/** A verb may fail while its server is being restarted; then it is asked again. */
async function historyReaches(count: number) {
  let newest;
  await eventually(async () => {
    try {
      const moves = await instance.history();
      newest = moves[0];
      return moves.length >= count;
    } catch {
      return false;
    }
  }, 120_000);
  if (newest === undefined) throw new Error('no move');
  return newest as Awaited<ReturnType<TestInstance['history']>>[number];
}

/** Weights are absolute, so a repeated write is the same write; a step back or a step left out would show here. */
async function expectEachStepOnce(to: string): Promise<void> {
  const shares = rampOf(instance).map((c) => c.weights?.[to]);
  expect(shares.filter((share, i) => share !== shares[i - 1])).toEqual([1, 5, 25, 50, 100]);
}

async function expectToldOnce(moveId: string): Promise<void> {
  const { epoch } = { epoch: moveId.split('/').at(-1) };
  await eventually(async () => (await slack.threads()).length === Number(epoch), 60_000);
  await eventually(async () => (await slack.threads()).at(-1)?.lines.at(-1)?.includes('done') ?? false, 60_000);
  const thread = (await slack.threads()).at(-1);
  expect(new Set(thread?.lines).size).toBe(thread?.lines.length);
}
