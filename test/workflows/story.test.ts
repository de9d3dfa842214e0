/** Stories on a real server, with the real activities, told to the log and to a Slack that misbehaves. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { createNotifyActivities } from '../../src/activities/notify.js';
import type { StoryLine, StoryView } from '../../src/domain/story.js';
import { openLog } from '../../src/notify/log.js';
import type { Notifier } from '../../src/notify/notifier.js';
import { openSlack } from '../../src/notify/slack.js';
import { freePorts } from '../kit/ports.js';
import { startTemporalServer, type TemporalServer } from '../../src/temporal/start-server.js';
import { tellStorySignal } from '../../src/workflows/messages.js';
import type { StoryOutcome } from '../../src/workflows/story.js';
import { eventually } from '../kit/eventually.js';
import { ownNamespace } from '../kit/own-namespace.js';
import { SlackStub } from '../kit/slack-stub.js';
import { sampleHead, sampleLine } from '../kit/story-samples.js';

let bundle: { code: string };
let native: NativeConnection;
let connection: Connection;
let client: Client;
let stub: SlackStub;
let logged: { kind: string; text?: string; state?: string; story: string }[];
let namespace: string;
let queue: string;
let worker: { stop(): Promise<void> };

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const workflowsPath = fileURLToPath(new URL('../kit/story-workflows.ts', import.meta.url));
  bundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  native = await NativeConnection.connect({ address: inject('temporalAddress') });
  connection = await Connection.connect({ address: inject('temporalAddress') });
  namespace = await ownNamespace(inject('temporalAddress'));
  client = new Client({ connection, namespace });
});
afterAll(async () => {
  await connection.close();
  await native.close();
});
beforeEach(async () => {
  stub = await SlackStub.start();
  logged = [];
  queue = `story-${randomUUID()}`;
  worker = await startWorker();
});
afterEach(async () => {
  await worker.stop();
  await stub.stop();
});

const notifiers = (): Notifier[] => [
  openLog((line) => logged.push(JSON.parse(line) as (typeof logged)[number])),
  openSlack({ token: 'xoxb-1', channel: 'C0ONCALL01', apiUrl: stub.apiUrl }),
];

async function startWorker(over = native, at = namespace): Promise<{ stop(): Promise<void> }> {
  const activities = createNotifyActivities({ notifiers: notifiers() });
  const taskQueue = queue;
  const running = await Worker.create({
    connection: over,
    namespace: at,
    taskQueue,
    workflowBundle: bundle,
    activities: { ...activities },
  });
  const ended = running.run();
  return {
    stop: async () => {
      if (running.getState() === 'RUNNING') running.shutdown();
      await ended;
    },
  };
}

function view(change: Partial<StoryView> = {}): StoryView {
  return { id: `story/${randomUUID()}`, head: sampleHead({ state: 'announced' }), lines: [], ended: false, ...change };
}

async function begin(begun: StoryView, by = client) {
  return await by.workflow.start<(view: StoryView) => Promise<StoryOutcome>>('story', {
    workflowId: begun.id,
    taskQueue: queue,
    args: [begun],
  });
}

const lines = (...keys: string[]): StoryLine[] => keys.map((key) => sampleLine(key));
const loggedLines = (): (string | undefined)[] =>
  logged.filter((line) => line.kind === 'story-line').map((line) => line.text);
const threadLines = (): string[] => stub.thread.map((message) => message.text.replace(/^.*> /u, ''));
const done = sampleHead({ state: 'done', tone: 'good' });

describe('a story', () => {
  test('is told to everybody and ends when everybody knows the end', async () => {
    const handle = await begin(view({ lines: lines('1') }));
    await eventually(() => stub.thread.length === 1);
    await handle.signal(tellStorySignal, { head: done, lines: lines('1', '2'), ended: true });
    expect(await handle.result()).toEqual({
      told: [
        { notifier: 'log', lines: 2, gaveUp: null },
        { notifier: 'slack', lines: 2, gaveUp: null },
      ],
    });
    expect(threadLines()).toEqual(['line 1', 'line 2']);
    expect(loggedLines()).toEqual(['line 1', 'line 2']);
    expect(stub.roots.map((root) => root.text)).toEqual([expect.stringContaining(': done.')]);
  });

  test('tells the log at once while Slack is down, and catches up in Slack in order', async () => {
    stub.down = true;
    const handle = await begin(view({ lines: lines('1') }));
    await eventually(() => loggedLines().length === 1);
    for (const key of ['2', '3', '4'])
      await handle.signal(tellStorySignal, { head: sampleHead(), lines: lines(key), ended: false });
    await handle.signal(tellStorySignal, { head: done, lines: lines('5'), ended: true });
    await eventually(() => loggedLines().length === 5);
    expect(stub.messages).toEqual([]);
    stub.down = false;
    await handle.result();
    expect(stub.roots).toHaveLength(1);
    expect(stub.roots[0]?.text).toContain(': done.');
    expect(threadLines()).toEqual(['line 1', 'line 2', 'line 3', 'line 4', 'line 5']);
  });

  test('has no duplicate in Slack when answers are lost, and keeps to the pause that Slack names', async () => {
    stub.breakNext('chat.postMessage', { kind: 'answer-lost' });
    const handle = await begin(view({ lines: lines('1', '2') }));
    await eventually(() => stub.thread.length === 2);
    const told = stub.calls.length;
    stub.breakNext('chat.update', { kind: 'rate-limited', retryAfterS: 3 });
    await handle.signal(tellStorySignal, { head: done, lines: lines('3'), ended: true });
    await handle.result();
    expect(stub.roots).toHaveLength(1);
    expect(threadLines()).toEqual(['line 1', 'line 2', 'line 3']);
    const [limited, next] = stub.calls.slice(told);
    expect((next?.atMs ?? 0) - (limited?.atMs ?? 0)).toBeGreaterThanOrEqual(3_000);
  });

  test('edits the message once in two seconds however much is told, and shows the last state', async () => {
    const handle = await begin(view());
    const begun = Date.now();
    for (let step = 1; step <= 40; step += 1) {
      await handle.signal(tellStorySignal, { head: sampleHead({ state: `step ${step}` }), lines: [], ended: false });
    }
    await handle.signal(tellStorySignal, { head: done, lines: [], ended: true });
    await handle.result();
    expect(stub.roots[0]?.edits).toBeLessThanOrEqual(2 + (Date.now() - begun) / 2_000);
    expect(stub.roots[0]?.text).toContain(': done.');
  });

  test('goes on with another worker, without a duplicate', async () => {
    const handle = await begin(view({ lines: lines('1') }));
    await eventually(() => stub.thread.length === 1);
    stub.down = true;
    await handle.signal(tellStorySignal, { head: done, lines: lines('2'), ended: true });
    await eventually(() => stub.calls.length > 3);
    await worker.stop();
    stub.down = false;
    worker = await startWorker();
    await handle.result();
    expect(stub.roots).toHaveLength(1);
    expect(threadLines()).toEqual(['line 1', 'line 2']);
  });

  test.each([
    [undefined],
    [null],
    ['text'],
    [{}],
    [{ head: sampleHead(), lines: 'x', ended: true }],
    [{ head: 7, lines: [], ended: true }],
  ])('takes no harm from a signal sent by hand with %j', async (wrong) => {
    const handle = await begin(view());
    await handle.signal('tell', wrong);
    await handle.signal(tellStorySignal, { head: done, lines: lines('1'), ended: true });
    await handle.result();
    expect(threadLines()).toEqual(['line 1']);
  });

  test('that is started by hand with nonsense fails with a clear error instead of a failing task', async () => {
    const handle = await client.workflow.start('story', {
      workflowId: randomUUID(),
      taskQueue: queue,
      args: [{ id: 7 }],
    });
    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: 'bad-input', message: expect.stringContaining('story:') as string },
    });
  });
});

describe('a workflow that tells a story', () => {
  const order = (about: string, count: number) => ({ about, head: sampleHead({ state: 'announced' }), lines: count });

  test('hands over everything before it ends, in few messages, and the story outlives it', async () => {
    stub.down = true;
    const about = `move/chat/${randomUUID()}`;
    const handle = await client.workflow.start('teller', {
      workflowId: about,
      taskQueue: queue,
      args: [order(about, 20)],
    });
    expect(await handle.result()).toBe('told');
    stub.down = false;
    await client.workflow.getHandle(`story/${about}`).result();
    const expected = [...Array.from({ length: 20 }, (_unused, index) => `line ${index + 1}`), 'the end'];
    expect(threadLines()).toEqual(expected);
    expect(loggedLines()).toEqual(expected);
    expect(stub.thread.at(-1)?.reply_broadcast).toBe(true);
    const { events = [] } = await handle.fetchHistory();
    const signals = events?.filter((event) => event.signalExternalWorkflowExecutionInitiatedEventAttributes) ?? [];
    expect(signals.length).toBeLessThanOrEqual(6);
  });

  test('is not slowed by a story that nobody can be told', async () => {
    stub.down = true;
    const about = `move/chat/${randomUUID()}`;
    const begun = Date.now();
    await client.workflow.execute('teller', { workflowId: about, taskQueue: queue, args: [order(about, 5)] });
    expect(Date.now() - begun).toBeLessThan(15_000); // less than the time that a story may be waited for
    stub.down = false;
    await client.workflow.getHandle(`story/${about}`).result();
  });

  test('tells its cancellation too', async () => {
    const about = `move/chat/${randomUUID()}`;
    const handle = await client.workflow.start('cancelledTeller', {
      workflowId: about,
      taskQueue: queue,
      args: [order(about, 0)],
    });
    await eventually(() => stub.thread.length === 1);
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow();
    await client.workflow.getHandle(`story/${about}`).result();
    expect(threadLines()).toEqual(['waiting', 'cancelled by a person', 'aborted']);
    expect(stub.roots[0]?.text).toContain(': aborted.');
  });

  test('goes on telling a story that an earlier run of it began', async () => {
    const about = `alert/${randomUUID()}`;
    await begin(view({ id: `story/${about}`, lines: lines('1') }));
    await client.workflow.execute('teller', { workflowId: about, taskQueue: queue, args: [order(about, 2)] });
    await client.workflow.getHandle(`story/${about}`).result();
    expect(stub.roots).toHaveLength(1);
    expect(threadLines()).toEqual(['line 1', 'line 1', 'line 2', 'the end']);
  });

  test('goes its own way when somebody has terminated its story', async () => {
    const about = `move/chat/${randomUUID()}`;
    const handle = await client.workflow.start('cancelledTeller', {
      workflowId: about,
      taskQueue: queue,
      args: [order(about, 0)],
    });
    await eventually(() => stub.thread.length === 1);
    await client.workflow.getHandle(`story/${about}`).terminate();
    await handle.cancel();
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  });
});

describe('a long story', () => {
  let server: TemporalServer;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'understudy-story-'));
    const [port = 0, uiPort = 0, metricsPort = 0] = await freePorts(3);
    server = await startTemporalServer({
      binary: inject('temporalBinary'),
      dataDir: folder,
      port,
      uiPort,
      metricsPort,
      namespace: 'default',
      headless: true,
      dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': '30' },
      onLine: () => undefined,
    });
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('continues as new, even while Slack is down, and loses and doubles nothing', async () => {
    const over = await NativeConnection.connect({ address: server.address });
    const link = await Connection.connect({ address: server.address });
    const own = await startWorker(over, 'default');
    try {
      const begun = view({ lines: lines('0') });
      const handle = await begin(begun, new Client({ connection: link }));
      const latest = new Client({ connection: link }).workflow.getHandle(begun.id);
      await eventually(() => stub.thread.length === 1);
      stub.down = true;
      for (let step = 1; step <= 60; step += 1) {
        await latest.signal(tellStorySignal, {
          head: sampleHead({ state: `step ${step}` }),
          lines: lines(String(step)),
          ended: false,
        });
      }
      const firstRun = handle.firstExecutionRunId;
      await eventually(async () => (await latest.describe()).runId !== firstRun);
      stub.down = false;
      await latest.signal(tellStorySignal, { head: done, lines: lines('61'), ended: true });
      await handle.result();
      const expected = Array.from({ length: 62 }, (_unused, index) => `line ${index}`);
      expect(threadLines()).toEqual(expected);
      expect(loggedLines()).toEqual(expected);
      expect(stub.roots).toHaveLength(1);
      expect(stub.roots[0]?.text).toContain(': done.');
    } finally {
      await own.stop();
      await over.close();
      await link.close();
    }
  });
});
