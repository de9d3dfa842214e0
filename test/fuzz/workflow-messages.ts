/**
 * Whoever reaches Temporal to our workflows: signals, updates and queries with anything in them. No workflow task fails,
 * and each workflow that still runs answers its query.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { findTemporalBinary } from '../../src/temporal/find-binary.js';
import { freePorts } from '../../src/temporal/ports.js';
import { startTemporalServer, type TemporalServer } from '../../src/temporal/start-server.js';
import { CONTROL_TASK_QUEUE, moveId, serviceGuardId } from '../../src/workflows/ids.js';
import { bundleTo } from '../kit/bundle-setup.js';
import { failedTasksIn } from '../kit/failed-tasks.js';
import { clusterSpec } from '../kit/fleet.js';
import { openScene, type Scene, type TestService } from '../kit/move-scene.js';
import type { Random } from '../sim/random.js';
import { boundary, Broken, type Arena, type Boundary } from './boundary.js';
import { message, SERVICE_NAME, viewOf, WORKFLOWS, type Message, type WorkflowName } from './generate/messages.js';

interface MessageCase {
  readonly workflow: WorkflowName;
  readonly messages: readonly Message[];
}

function generate(random: Random): MessageCase {
  const workflow = random.pick(WORKFLOWS);
  return { workflow, messages: Array.from({ length: random.whole(1, 5) }, () => message(random, workflow)) };
}

/** A worker that is busy answers in much less; a failing workflow task never does. */
const ANSWER_MS_MAX = 15_000;
/** Cases that share one service and its clusters. */
const CASES_A_SERVICE = 25;

class WorkflowArena implements Arena<MessageCase> {
  #service: TestService | null = null;
  #played = 0;

  constructor(
    readonly scene: Scene,
    readonly ends: readonly (() => unknown)[],
  ) {}

  async play({ workflow, messages }: MessageCase): Promise<void> {
    const handle = await this.#start(workflow);
    for (const one of messages) await this.#send(handle, one);
    await this.#mustAnswer(handle, workflow);
    await this.#mustHaveNoFailedTask(handle);
    await handle.terminate().catch(() => undefined); // it may have ended
  }

  /** Those that were started by the ones under test: moves, stories, the governor. */
  async checkNowAndThen(): Promise<void> {
    for await (const { workflowId } of this.scene.client.workflow.list({ query: 'ExecutionStatus = "Running"' })) {
      const handle = this.scene.client.workflow.getHandle(workflowId);
      const { raw } = await handle.describe();
      const attempt = raw.pendingWorkflowTask?.attempt ?? 1;
      if (attempt > 1)
        throw new Broken(`${workflowId}: attempt ${attempt} of a workflow task`, await failuresOf(handle));
    }
  }

  async close(): Promise<void> {
    await this.scene.close();
    for (const end of this.ends) await end();
  }

  async #start(workflow: WorkflowName): Promise<WorkflowHandle> {
    if (this.#played++ % CASES_A_SERVICE === 0) this.#service = await this.scene.service(['a', 'b']);
    const service = this.#service;
    if (service === null) throw new Error('there is no service');
    const { type, ...order } = beginning(workflow, service);
    return await this.scene.client.workflow.start(type, {
      ...order,
      taskQueue: CONTROL_TASK_QUEUE,
      workflowIdConflictPolicy: 'TERMINATE_EXISTING',
    });
  }

  async #send(handle: WorkflowHandle, one: Message): Promise<void> {
    const { connection, options } = this.scene.client;
    const { namespace } = options;
    const service = connection.workflowService;
    const workflowExecution = { workflowId: handle.workflowId };
    const name = handle.workflowId.slice(handle.workflowId.indexOf('/') + 1).replace(/\/1$/, '');
    const payloads = one.args.map((text) => payload(text.replaceAll(SERVICE_NAME, name), one.encoding));
    const input = { payloads };
    const common = { namespace, workflowExecution };
    const sending = async (): Promise<unknown> =>
      one.how === 'signal'
        ? await service.signalWorkflowExecution({
            ...common,
            signalName: one.name,
            input,
            identity: options.identity,
            requestId: randomUUID(),
          })
        : one.how === 'query'
          ? await service.queryWorkflow({
              namespace,
              execution: workflowExecution,
              query: { queryType: one.name, queryArgs: input },
            })
          : await service.updateWorkflowExecution({
              ...common,
              waitPolicy: { lifecycleStage: 3 }, // completed
              request: { meta: { updateId: randomUUID(), identity: 'fuzz' }, input: { name: one.name, args: input } },
            });
    // Refused, or nobody there any more: what matters is the workflow, which is looked at below.
    await connection.withDeadline(Date.now() + ANSWER_MS_MAX, async () => await sending()).catch(() => undefined);
  }

  async #mustAnswer(handle: WorkflowHandle, workflow: WorkflowName): Promise<void> {
    const { connection } = this.scene.client;
    try {
      const asking = async (): Promise<unknown> => await handle.query(viewOf(workflow));
      await connection.withDeadline(Date.now() + ANSWER_MS_MAX, asking);
    } catch (error) {
      throw new Broken(`${handle.workflowId} did not answer its query: ${String(error)}`, await failuresOf(handle));
    }
  }

  async #mustHaveNoFailedTask(handle: WorkflowHandle): Promise<void> {
    const failures = await failuresOf(handle);
    if (failures !== '') throw new Broken(`a workflow task of ${handle.workflowId} failed`, failures);
  }
}

interface Beginning {
  readonly type: string;
  readonly workflowId: string;
  readonly args: unknown[];
}

function beginning(workflow: WorkflowName, service: TestService): Beginning {
  const { spec, clusters } = service;
  const { name } = spec;
  const workflowId = `${workflow}/${name}`;
  switch (workflow) {
    case 'guard':
      return { type: 'serviceGuard', workflowId: serviceGuardId(name), args: [{ spec, clusters }] };
    case 'cluster':
      return {
        type: 'clusterHealth',
        workflowId,
        args: [{ spec: clusterSpec(name), vantages: ['eu', 'us'], services: [name] }],
      };
    case 'governor': {
      const report = { service: name, clusters: [], automaticAtMs: [] };
      return {
        type: 'governor',
        workflowId,
        args: [{ reports: { [name]: report }, view: { brake: null, panic: null } }],
      };
    }
    case 'story':
      return { type: 'story', workflowId, args: [{ id: workflowId, head: HEAD, lines: [], ended: false }] };
    case 'move':
      return { type: 'move', workflowId: moveId(name, 1), args: [service.moveInput({ approval: 'required' })] };
  }
}

const HEAD = {
  service: 's',
  title: 't',
  state: 'running',
  tone: 'good',
  cause: 'c',
  from: ['a'],
  to: 'b',
  progressPct: null,
  next: [],
};

async function failuresOf(handle: WorkflowHandle): Promise<string> {
  const { events } = await handle.fetchHistory();
  const failed = failedTasksIn(events ?? []);
  const ended = (events ?? []).flatMap((event) => event.workflowExecutionFailedEventAttributes?.failure ?? []);
  const told = [...failed.flatMap(({ failure }) => failure ?? []), ...ended];
  return told
    .map(({ message: what, stackTrace, cause }) => `${what}\n${stackTrace ?? ''}\n${cause?.message ?? ''}`)
    .join('\n');
}

function payload(text: string, encoding: string): { metadata: Record<string, Uint8Array>; data: Uint8Array } {
  const metadata = encoding === '' ? {} : { encoding: Buffer.from(encoding) };
  return { metadata, data: Buffer.from(text, 'latin1') };
}

export const workflowMessages: Boundary = boundary<MessageCase>({
  name: 'workflows',
  generate,
  open: async (): Promise<WorkflowArena> => {
    quietRuntime();
    const dir = mkdtempSync(join(tmpdir(), 'fuzz-temporal-'));
    const server = await startServer(dir);
    const workflowBundle = join(dir, 'workflow-bundle.js');
    await bundleTo(workflowBundle);
    const scene = await openScene({ address: server.address, workflowBundle });
    return new WorkflowArena(scene, [
      async () => await server.stop(),
      () => rmSync(dir, { recursive: true, force: true }),
    ]);
  },
});

let isQuiet = false;

/** Failed workflow tasks are found in histories, and told with their cause. Temporal's runtime is one a process. */
function quietRuntime(): void {
  if (!isQuiet)
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
  isQuiet = true;
}

async function startServer(dataDir: string): Promise<TemporalServer> {
  const { path } = await findTemporalBinary({ onLine: () => undefined });
  const [port = 0, uiPort = 0, metricsPort = 0] = await freePorts(3);
  const order = { binary: path, dataDir, port, uiPort, metricsPort, namespace: 'default', headless: true };
  // So that workflows begin anew with what they carry over.
  const dynamicConfig = { 'limit.historyCount.suggestContinueAsNew': '60' };
  return await startTemporalServer({ ...order, dynamicConfig, onLine: () => undefined });
}
