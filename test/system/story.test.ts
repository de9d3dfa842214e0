/**
 * What people are told, and the way home. Slack is down for a whole failover: nothing waits for it, and when it is back
 * it learns everything, in order and once. Then the broken cluster is well again, somebody says yes, and home it goes.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MoveRecord } from '../../src/domain/move-record.js';
import type { StoryLine } from '../../src/domain/story.js';
import { storyId } from '../../src/workflows/ids.js';
import { eventually } from '../kit/eventually.js';
import { startInstance, type TestInstance } from '../kit/instance.js';
import { freePortBase } from '../kit/ports.js';
import { fleetYaml, startFleet, type TestFleet } from '../kit/simulated-fleet.js';
import { openEmulatedSlack, SLACK_CHANNEL, SLACK_TOKEN, type EmulatedSlack } from '../kit/slack-emulated.js';
import { effectiveWeights, statusOf, verdictsAre } from './fleet-status.js';
import { openTemporalTools, type TemporalTools } from './temporal-cli.js';

const NAMES = ['eu-a', 'us-b'];
/**
 * Slack's port, above the instance's base and in its block: one that the system chose would be the system's to give
 * away again while Slack is down.
 */
const SLACK_PORT_OFFSET = 55;
/** After Slack is back: the longest pause between two tries is 30 s. */
const CATCH_UP_MS_MAX = 60_000;
const QUICK = [
  'health: { interval: 1s, rise: 3 }',
  'move: { planned: [50, 100], bake: 200ms, cooldown: 1s }',
  'failback: { policy: approve, soak: 2s }',
];

let slackPort: number;
let slack: EmulatedSlack | null = null;
let instance: TestInstance;
let fleet: TestFleet;
let temporal: TemporalTools;
beforeAll(async () => {
  const portBase = await freePortBase();
  slackPort = portBase + SLACK_PORT_OFFSET;
  // Before anybody looks at it: a cluster that is seen to die and to heal makes its service restless, and that delays
  // the way home.
  fleet = await startFleet(portBase, NAMES);
  const slackLine = `slack: { channel: "#${SLACK_CHANNEL}", tokenEnv: TEST_SLACK_TOKEN, apiUrl: "http://127.0.0.1:${slackPort}/api/" }`;
  const config = ['version: 1', slackLine, fleetYaml(portBase, NAMES, QUICK)].join('\n');
  instance = await startInstance({ portBase, config, env: { TEST_SLACK_TOKEN: SLACK_TOKEN } });
  temporal = await openTemporalTools(instance);
  await verdictsAre(instance, { 'eu-a': 'healthy', 'us-b': 'healthy' });
});
afterAll(async () => {
  await temporal.close();
  await instance.stop();
  await fleet.stop();
  await slack?.close();
});

/** Every line that a story was given, in order: what a reader must find. */
async function linesOf(moveId: string): Promise<readonly string[]> {
  const { events } = await temporal.client.workflow.getHandle(storyId(moveId)).fetchHistory();
  const payloads = (events ?? []).flatMap((event) => [
    ...(event.workflowExecutionStartedEventAttributes?.input?.payloads ?? []),
    ...(event.workflowExecutionSignaledEventAttributes?.input?.payloads ?? []),
  ]);
  return payloads
    .map((payload) => JSON.parse(Buffer.from(payload.data ?? []).toString('utf8')) as { lines: readonly StoryLine[] })
    .flatMap(({ lines }) => lines.map((line) => line.text));
}

/** As Slack shows a line: behind its time, with Slack's escapes. */
const plain = (line: string): string =>
  line
    .replace(/^<!date[^>]*> /u, '')
    .replaceAll('&gt;', '>')
    .replaceAll('&lt;', '<')
    .replaceAll('&amp;', '&');

/** One message tells of the move, by its title; it says `done`, and its thread holds each line once and in order. */
async function expectTold({ id, kind, from, to }: MoveRecord): Promise<void> {
  const title = `${kind} ${from.join(', ')} → ${to}`;
  const roots = async () => ((await slack?.threads()) ?? []).filter(({ text }) => plain(text).includes(title));
  const expected = await linesOf(id);
  expect(expected.length).toBeGreaterThan(4);
  const isWhole = async (): Promise<boolean> => ((await roots())[0]?.lines.length ?? 0) >= expected.length;
  // What is missing or too much is told by the comparison.
  await eventually(isWhole, CATCH_UP_MS_MAX).catch(() => undefined);
  const found = await roots();
  expect(found.map(({ lines }) => lines.map(plain))).toEqual([expected]);
  expect(found[0]?.text).toContain('done');
}

/** A failover does not wait for a Slack that is down. */
async function failoverWithoutSlack(): Promise<void> {
  await fleet.fault('eu-a', { kind: 'crash' });
  const move = await instance.moves(1);
  expect(move).toMatchObject({ kind: 'failover', state: 'done', weights: { 'eu-a': 0, 'us-b': 100 } });
  // Two emergency steps of at most 3 s, an empty source, and nothing else.
  expect(Date.parse(move.endedAt) - Date.parse(move.startedAt)).toBeLessThan(12_000);
  expect(slack).toBeNull();
}

/** Back again, Slack learns the whole story: one message, its thread complete, in order, each line once. */
async function slackCatchesUp(): Promise<void> {
  slack = await openEmulatedSlack(slackPort);
  await expectTold(await instance.moves(1));
}

/** The cluster is well again, and somebody is asked before the traffic goes home. */
async function homeAfterYes(): Promise<void> {
  await fleet.clear('eu-a');
  await eventually(async () => typeof (await statusOf(instance)).move?.question === 'string', 60_000);
  const chat = await statusOf(instance);
  expect(chat.move).toMatchObject({ kind: 'failback', from: ['us-b'], to: 'eu-a', step: 'approval', state: 'asking' });
  expect(await effectiveWeights(instance)).toEqual({ 'eu-a': 0, 'us-b': 100 });
  await eventually(async () => (await slack?.threads())?.at(-1)?.text.includes('failback') ?? false, CATCH_UP_MS_MAX);

  await instance.mustWork('approve', 'chat', '--by', 'tester', '--reason', 'looks good');
  const move = await instance.moves(2);
  expect(move).toMatchObject({
    kind: 'failback',
    state: 'done',
    by: 'understudy',
    weights: { 'eu-a': 100, 'us-b': 0 },
  });
  expect(move.steps.find((s) => s.name === 'approval')).toMatchObject({
    verdict: 'approved',
    why: 'tester looks good',
  });
  expect(await effectiveWeights(instance)).toEqual({ 'eu-a': 100, 'us-b': 0 });
  await expectTold(move);
}

/** The history tells both, newest first, and a second answer is told that nobody asks. */
async function historyTellsBoth(): Promise<void> {
  const told = await instance.cli('history', 'chat');
  expect(told.stdout).toMatch(/failback us-b → eu-a.*failover eu-a → us-b/su);
  const late = await instance.cli('approve', 'chat', '--by', 'tester');
  expect(late.code).toBe(3);
}

test('a failover while Slack is down is told in full when it is back; after a yes the traffic goes home', async () => {
  await failoverWithoutSlack();
  await slackCatchesUp();
  await homeAfterYes();
  await historyTellsBoth();
});
