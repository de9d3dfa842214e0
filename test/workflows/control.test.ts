/** The operator's client on a real server: apply, status, verbs, and what it says when nobody answers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { redirected } from '../../src/cli/facts.js';
import { renderHistory } from '../../src/cli/render-history.js';
import { checkServices, checkWatches } from '../../src/cli/doctor/remote-checks.js';
import { serviceDefinitions } from '../../src/cli/verbs/gateway.js';
import { parseFleet } from '../../src/config/load.js';
import { applyFleet, type ApplyResult } from '../../src/control/apply.js';
import { orderWorkflow } from '../../src/control/ask.js';
import { type Control, openControl } from '../../src/control/control.js';
import { readExplanation } from '../../src/control/explanation.js';
import { findUnwatched } from '../../src/control/failing.js';
import { forecastMove } from '../../src/control/forecast.js';
import { readHistory, readRedirections } from '../../src/control/history.js';
import { readPollers } from '../../src/control/pollers.js';
import { isRunning, listRunning, readVitals } from '../../src/control/running.js';
import { readStatus } from '../../src/control/status.js';
import { freeze, pause, switchover, unfreeze } from '../../src/control/verbs.js';
import { waitForMove } from '../../src/control/wait.js';
import type { Fleet } from '../../src/domain/fleet.js';
import { startGateway, type RunningGateway } from '../../src/gateway/gateway.js';
import { CONTROL_TASK_QUEUE } from '../../src/workflows/ids.js';
import { freezeUpdate, guardOrderQuery } from '../../src/workflows/messages.js';
import { startControlWorker } from '../../src/workers/control.js';
import { eventually } from '../kit/eventually.js';
import { ownNamespace } from '../kit/own-namespace.js';

const WHO = { by: 'ada', reason: 'test', via: 'cli' } as const;
const address = inject('temporalAddress');
let namespace: string;

const fleetOf = (extra: { concurrency?: number; services?: string } = {}): Fleet =>
  parseFleet(
    `version: 1
clusters:
  eu-a: { url: http://127.0.0.1:9, region: eu, model: m, capacity: { concurrency: ${extra.concurrency ?? 64} } }
  us-b: { url: http://127.0.0.1:9, region: us, model: m }
  us-c: { url: http://127.0.0.1:9, region: us, model: m }
services:
  chat: { clusters: [ { name: eu-a, role: primary }, { name: us-b, role: standby } ] }
${extra.services ?? '  embed: { strategy: round-robin, clusters: [ { name: us-c } ] }'}
`,
    'fleet.yaml',
  );

const told = ({ changes }: ApplyResult): Record<string, string> =>
  Object.fromEntries(changes.map(({ kind, name, change }) => [`${kind} ${name}`, change]));

const everything = (change: string): Record<string, string> =>
  Object.fromEntries(
    ['cluster eu-a', 'cluster us-b', 'cluster us-c', 'service chat', 'service embed'].map((n) => [n, change]),
  );

const dir = mkdtempSync(join(tmpdir(), 'understudy-control-'));
let control: Control;
let gateway: RunningGateway;
/** What the worker tells people, in its log. */
const logged: string[] = [];
let endWorker: () => Promise<void> = async () => await Promise.resolve();

async function startWorker(): Promise<void> {
  const worker = await startControlWorker({
    fleet: { slack: null, webhook: null },
    address,
    namespace,
    gatewayAdminUrls: [gateway.adminUrl],
    adminToken: 't',
    workflowBundle: inject('workflowBundlePath'),
    write: (line) => logged.push(line),
  });
  const ended = worker.run();
  endWorker = async () => {
    worker.shutdown();
    await ended;
  };
}

/** Takes the task that brings this workflow an order and ends it without a word on it; other tasks are given back. */
async function passOver(workflowId: string): Promise<void> {
  const { workflowService, connection } = control.client;
  const poll = { namespace, taskQueue: { name: CONTROL_TASK_QUEUE }, identity: 'passes over' };
  for (;;) {
    const taken = connection.withDeadline(Date.now() + 10_000, () => workflowService.pollWorkflowTaskQueue(poll));
    const { taskToken, workflowExecution, messages } = await taken;
    const isOrder = workflowExecution?.workflowId === workflowId && messages.length > 0;
    if (isOrder) return void (await workflowService.respondWorkflowTaskCompleted({ namespace, taskToken }));
    await workflowService.respondWorkflowTaskFailed({ namespace, taskToken });
  }
}

beforeAll(async () => {
  namespace = await ownNamespace(address);
  control = await openControl({ address, namespace });
  const fleet = fleetOf();
  gateway = await startGateway({
    host: '127.0.0.1',
    port: 0,
    adminHost: '127.0.0.1',
    adminPort: 0,
    dataDir: dir,
    adminToken: 't',
    settings: fleet.gateway,
    definitions: serviceDefinitions(fleet),
    clock: Date.now,
    audit: () => undefined,
  });
});

afterAll(async () => {
  await endWorker();
  await control.close();
  await gateway.close(0);
  rmSync(dir, { recursive: true, force: true });
});

describe('without a worker', () => {
  test('a dry run of a new fleet says what would be created, and starts nothing', async () => {
    expect(told(await applyFleet(control.client, fleetOf(), { dryRun: true }))).toEqual(everything('created'));
    expect(await isRunning(control.client, 'service/chat')).toBe(false);
  });

  test('the orders wait in Temporal, and who asks is told that nobody answers', async () => {
    expect(told(await applyFleet(control.client, fleetOf(), { dryRun: false }))).toEqual(everything('created'));
    const again = await applyFleet(control.client, fleetOf(), { dryRun: false });
    expect(told(again)).toEqual(everything('updated'));
    expect(again.notes).toEqual([expect.stringContaining('no control worker answers')]);
    await eventually(async () => (await listRunning(control.client, 'service')).length === 2);
    await expect(readStatus(control)).rejects.toMatchObject({
      code: 'no-worker',
      message: expect.stringContaining('no control worker answers'),
    });
    expect(await readPollers(control, { kind: 'control' })).toEqual([]);
  });

  test('a verb is refused without being left behind for a later worker', async () => {
    await expect(freeze(control, 'chat', { ...WHO, forMs: 60_000 })).rejects.toMatchObject({ code: 'no-worker' });
    await startWorker();
    expect((await readStatus(control, null, ['chat'])).services[0]?.frozen).toBeNull();
  });
});

describe('with a worker', () => {
  test('an unchanged fleet is unchanged, and a changed field is told by name', async () => {
    expect(told(await applyFleet(control.client, fleetOf(), { dryRun: false }))).toEqual(everything('unchanged'));
    const dry = await applyFleet(control.client, fleetOf({ concurrency: 128 }), { dryRun: true });
    expect(told(dry)).toEqual({ ...everything('unchanged'), 'cluster eu-a': 'updated', 'service chat': 'updated' });
    // Where somebody wrote how many it can have, that is also the most it gets.
    const fields = ['spec.capacity.concurrency', 'spec.capacity.limit'];
    expect(dry.changes[0]?.fields).toEqual(fields.map((field) => ({ field, from: '64', to: '128' })));
    expect(told(await applyFleet(control.client, fleetOf({ concurrency: 128 }), { dryRun: false }))).toEqual(told(dry));
    expect(told(await applyFleet(control.client, fleetOf({ concurrency: 128 }), { dryRun: false }))).toEqual(
      everything('unchanged'),
    );
  });

  test('status joins what the guard wants with what the gateway does', async () => {
    const view = await readStatus(control, { urls: [gateway.adminUrl], token: 't' });
    expect(view).toMatchObject({ unanswered: [], gatewayNote: null });
    const chat = view.services.find((s) => s.name === 'chat');
    expect(chat?.clusters.map((c) => [c.name, c.role, c.intended, c.effective, c.inFlight])).toEqual([
      ['eu-a', 'primary', 100, 100, 0],
      ['us-b', 'standby', 0, 0, 0],
    ]);
    const blind = await readStatus(control, { urls: [gateway.adminUrl], token: 'wrong' }, ['chat']);
    expect(blind.services[0]?.clusters[0]).toMatchObject({ effective: null, inFlight: null });
    expect(blind.gatewayNote).toContain('refuses the admin token');
  });

  test('what cannot be is refused with its code', async () => {
    await expect(switchover(control, 'nope', { ...WHO, to: 'us-b' })).rejects.toMatchObject({
      code: 'unknown-service',
      message: expect.stringMatching(/known are chat, embed/),
    });
    await expect(readHistory(control, 'nope')).rejects.toMatchObject({ code: 'unknown-service' });
    await expect(switchover(control, 'chat', { ...WHO, to: 'mars' })).rejects.toMatchObject({
      code: 'unknown-cluster',
    });
    await expect(pause(control, 'chat', WHO)).rejects.toMatchObject({ code: 'no-move' });
    await expect(waitForMove(control, 'nonsense', () => undefined)).rejects.toMatchObject({ code: 'bad-input' });
    // Nobody probes in this test: every verdict is unknown, and unknown is not healthy.
    await expect(switchover(control, 'chat', { ...WHO, to: 'us-b' })).rejects.toMatchObject({
      code: 'preflight-blocked',
    });
    expect(await forecastMove(control, 'chat', { kind: 'switchover', to: 'us-b' })).toMatchObject({
      possible: false,
      code: 'preflight-blocked',
    });
  });

  test('a freeze is answered, shown with its owner, and ended', async () => {
    expect((await freeze(control, 'chat', { ...WHO, forMs: 60_000 })).message).toMatch(/frozen/);
    expect((await readStatus(control, null, ['chat'])).services[0]).toMatchObject({
      mode: 'frozen',
      frozen: { by: 'ada', reason: 'test' },
    });
    await unfreeze(control, 'chat', WHO);
    expect((await readStatus(control, null, ['chat'])).services[0]?.frozen).toBeNull();
  });

  test('an order that a worker passes over is sent again', async () => {
    await endWorker();
    const order = orderWorkflow(control.client, 'service/chat', freezeUpdate, { ...WHO, forMs: 60_000 });
    await passOver('service/chat');
    await startWorker();
    expect(await order).toMatchObject({ accepted: true });
    await unfreeze(control, 'chat', WHO);
  });

  test('waiting ends when the caller says so', async () => {
    const stop = new AbortController();
    const waiting = waitForMove(control, 'move/chat/99', () => undefined, { signal: stop.signal, pollMs: 20 });
    stop.abort();
    await expect(waiting).rejects.toThrow(/abort/i);
  });

  test('a cluster whose workflow ended or cannot go on is named, with what to do', async () => {
    await control.client.workflow.getHandle('cluster/us-b').cancel();
    await eventually(async () => (await readVitals(control.client, 'cluster/us-b')) === 'ended');
    const order = { taskQueue: CONTROL_TASK_QUEUE, workflowId: 'cluster/broken', args: [] };
    const broken = await control.client.workflow.start('noSuchWorkflow', order);
    await eventually(async () => (await readVitals(control.client, 'cluster/broken')) === 'failing');
    const unwatched = await findUnwatched(control, ['eu-a', 'us-b', 'broken', 'mars']);
    expect(unwatched).toEqual([
      ['us-b', 'ended'],
      ['broken', 'failing'],
      ['mars', 'absent'],
    ]);
    await broken.terminate();
    expect(await checkWatches(control, readStatus(control))).toMatchObject([
      { name: 'watch of us-b', state: 'problem' },
    ]);
    await applyFleet(control.client, fleetOf({ concurrency: 128 }), { dryRun: false });
    expect(await checkWatches(control, readStatus(control))).toEqual([]);
  });

  test('what left the file is retired: its workflows end, and only they', async () => {
    const fleet = parseFleet(
      `version: 1
clusters:
  eu-a: { url: http://127.0.0.1:9, region: eu, model: m, capacity: { concurrency: 128 } }
  us-b: { url: http://127.0.0.1:9, region: us, model: m }
services:
  chat: { clusters: [ { name: eu-a, role: primary }, { name: us-b, role: standby } ] }
`,
      'fleet.yaml',
    );
    const expected = {
      'cluster eu-a': 'unchanged',
      'cluster us-b': 'unchanged',
      'service chat': 'unchanged',
      'service embed': 'retired',
      'cluster us-c': 'retired',
    };
    expect(told(await applyFleet(control.client, fleet, { dryRun: true }))).toEqual(expected);
    expect(await isRunning(control.client, 'service/embed')).toBe(true);
    expect(told(await applyFleet(control.client, fleet, { dryRun: false }))).toEqual(expected);
    await eventually(
      async () =>
        !(await isRunning(control.client, 'service/embed')) && !(await isRunning(control.client, 'cluster/us-c')),
    );
    const gone = {
      code: 'unknown-service',
      message: expect.stringMatching(/nobody guards `embed` any more/u) as string,
    };
    await eventually(async () => !(await listRunning(control.client, 'service')).includes('embed'));
    expect(await checkServices(control, readStatus(control), ['chat', 'embed'])).toMatchObject({
      found: 'nobody guards embed',
    });
    expect(await checkServices(control, readStatus(control), ['chat'])).toMatchObject({ state: 'ok', found: 'chat' });
    await expect(readStatus(control, null, ['embed'])).rejects.toMatchObject(gone);
    await expect(readExplanation(control, 'embed', Date.now())).rejects.toMatchObject(gone);
    expect(await isRunning(control.client, 'service/chat')).toBe(true);
    expect(Object.keys(told(await applyFleet(control.client, fleet, { dryRun: false })))).not.toContain(
      'service embed',
    );
  });
});

describe('whatever sends prompts elsewhere', () => {
  const SENDER = { by: 'ada', host: 'laptop', pid: 4711, door: 'apply' };
  const fleetAt = (extra: string): Fleet =>
    parseFleet(
      `version: 1
clusters:
  eu-a: { url: http://127.0.0.1:9, region: eu, model: m, capacity: { concurrency: 128 } }
  us-b: { url: http://127.0.0.1:9, region: us, model: m }
${extra}
`,
      'fleet.yaml',
    );
  const CHAT = 'services: { chat: { clusters: [ { name: eu-a, role: primary }, { name: us-b, role: standby }';
  const heard = (...words: string[]): boolean => logged.some((line) => words.every((word) => line.includes(word)));

  test('is reported with who sent it and from where, and kept', async () => {
    await applyFleet(control.client, fleetAt(`${CHAT} ] } }`), { dryRun: false, sender: SENDER });
    expect(await readRedirections(control, 'chat')).toEqual([]);

    const third = `  us-d: { url: http://127.0.0.1:10, region: us, model: m, apiKeyEnv: D_API_KEY }\n${CHAT}, { name: us-d, role: standby } ] } }`;
    await applyFleet(control.client, fleetAt(third), { dryRun: false, sender: SENDER });
    await applyFleet(control.client, fleetAt(third.replace(':10', ':11').replace('D_API', 'E_API')), {
      dryRun: false,
      sender: SENDER,
    });
    const by = 'by ada on laptop (process 4711, apply)';
    await eventually(async () => (await readRedirections(control, 'chat')).length === 2);
    expect(await readRedirections(control, 'chat')).toMatchObject([
      {
        by,
        changes: [
          'us-d: its address was http://127.0.0.1:10 and is http://127.0.0.1:11',
          'us-d: its key was that of D_API_KEY and is that of E_API_KEY',
        ],
      },
      { by, changes: ['us-d (http://127.0.0.1:10) serves the service now'] },
    ]);
    await eventually(() => heard('chat: prompts go elsewhere', by, 'http://127.0.0.1:11'));
    await eventually(() => heard('us-d: probes, and their key, go elsewhere', by, 'E_API_KEY'));
    const [chat] = (await readStatus(control, null, ['chat'])).services;
    expect(redirected(chat as NonNullable<typeof chat>, Date.now())[0]).toContain(by);
    expect(renderHistory('chat', [], await readRedirections(control, 'chat'))).toContain('http://127.0.0.1:11');
  });

  test('is reported of a signal by hand too, whatever it says of its sender', async () => {
    const guard = control.client.workflow.getHandle('service/chat');
    const order = await guard.query(guardOrderQuery);
    const clusters = order.clusters.map((each) =>
      each.name === 'us-b' ? { ...each, url: 'http://user:secret@evil.example' } : each,
    );
    for (const sender of [undefined, { by: { toString: 0 } }, 7]) {
      const before = (await readRedirections(control, 'chat')).length;
      const port = { ...clusters.find(({ name }) => name === 'us-d') };
      const again = clusters.map((each) => (each.name === 'us-d' ? { ...each, url: `${port.url}${before}` } : each));
      await guard.signal('configure', { spec: order.spec, clusters: again, sender });
      await eventually(async () => (await readRedirections(control, 'chat')).length === before + 1);
    }
    const told = await readRedirections(control, 'chat');
    expect(told[0]?.by).toContain('somebody who did not say who');
    expect(told[2]?.changes).toContain('us-b: its address was http://127.0.0.1:9 and is http://…@evil.example');
    await eventually(() => heard('chat: prompts go elsewhere', 'evil.example', 'did not say who'));
    expect(heard('secret')).toBe(false);
    expect(await readVitals(control.client, 'service/chat')).not.toBe('failing');
  });
});
