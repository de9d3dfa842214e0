/**
 * Begins a guard anew whose workflow task fails again and again, with all that it knew: read from its own history, which
 * holds every word that it was told and what came of every move. Nothing else is touched; the weights least of all, for
 * the new guard takes over what the traffic layer holds.
 */
import { beginGuard } from '../domain/guard/begin.js';
import { recallGuard } from '../domain/guard/recall.js';
import type { GuardState, Lease } from '../domain/guard/state.js';
import { noteWhyNot } from '../domain/guard/stay.js';
import { CodedError } from '../domain/errors.js';
import type { Attribution, ClusterName, ServiceName } from '../domain/words.js';
import { readFailingTask } from '../temporal/failing-tasks.js';
import { CONTROL_TASK_QUEUE, serviceGuardId } from '../workflows/ids.js';
import { guardViewQuery, type GuardOrder } from '../workflows/messages.js';
import { attributesOfGuard } from './apply.js';
import { askWorkflow, inWords, QUERY_DEADLINE_MS } from './ask.js';
import type { Control } from './control.js';
import { readGuardPast } from './guard-past.js';
import { guardEnded, unknownService } from './guards.js';
import { readVitals, WORKFLOW_TYPE } from './running.js';

export interface CarriedLease {
  readonly by: string;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly until: string;
}

export interface Repaired {
  readonly service: ServiceName;
  /** False: this is what would be done. */
  readonly done: boolean;
  /** Why the guard could not go on. */
  readonly why: string;
  /** Run ids of the guard that is ended and of the new one; `null` while nothing was done. */
  readonly ended: string;
  readonly begun: string | null;
  /** What the new guard knows. */
  readonly carried: {
    readonly moves: number;
    readonly lastMove: string | null;
    readonly frozen: CarriedLease | null;
    readonly maintenance: readonly (CarriedLease & { readonly cluster: ClusterName })[];
  };
  readonly untouched: readonly string[];
}

/** A worker that is busy, or has the new guard's first task before it. */
const ANSWERS_WITHIN_MS = 15_000;

export interface RepairOrder extends Attribution {
  readonly dryRun: boolean;
}

/**
 * @throws CodedError `unknown-service`, `not-broken`, `already-moving`: nothing was touched; `no-worker`: the new guard
 *   was begun and nobody runs it yet; `temporal-unreachable`
 */
export async function repairGuard(control: Control, service: ServiceName, order: RepairOrder): Promise<Repaired> {
  const id = serviceGuardId(service);
  const task = await brokenTask(control, service);
  const past = await pastOf(control, task, service);
  const state = noteWhyNot(past.state, 'repaired', sentenceOf(order, task.why), Date.now());
  await mustNotMove(control, service, state);
  const begun = order.dryRun ? null : await beginAnew(control, past.order, state);
  if (begun !== null) await askWorkflow(control.client, id, guardViewQuery, ANSWERS_WITHIN_MS);
  return {
    service,
    done: begun !== null,
    why: task.why,
    ended: task.runId,
    begun,
    carried: {
      moves: state.history.length,
      lastMove: state.history[0]?.id ?? null,
      frozen: state.freeze === null ? null : leaseView(state.freeze),
      maintenance: Object.entries(state.maintenance).map(([cluster, lease]) => ({ cluster, ...leaseView(lease) })),
    },
    untouched: [
      'the weights: the new guard takes over what the traffic layer holds',
      'clusters, stories and other services',
    ],
  };
}

const leaseView = ({ by, reason, untilMs }: Lease): CarriedLease => ({
  by,
  reason,
  until: new Date(untilMs).toISOString(),
});

const sentenceOf = ({ by, reason }: Attribution, why: string): string =>
  `begun anew by ${by}${reason === '' ? '' : ` (${reason})`}: the workflow task of the guard before failed: ${why}`;

/** The failing task of the guard. */
async function brokenTask(control: Control, service: ServiceName) {
  const { client } = control;
  const id = serviceGuardId(service);
  const how = await readVitals(client, id);
  if (how === 'absent') throw await unknownService(control, service);
  if (how === 'ended') throw guardEnded(service);
  const task =
    how === 'failing'
      ? await inTime(control, `${id} was looked at`, async () => await readFailingTask(client, { workflowId: id }))
      : null;
  if (task !== null) return task;
  throw new CodedError('not-broken', `the workflow task of ${id} does not fail again and again; nothing was touched`);
}

async function pastOf(control: Control, { runId }: { readonly runId: string }, service: ServiceName) {
  const handle = control.client.workflow.getHandle(serviceGuardId(service), runId);
  const { events } = await inTime(control, 'the guard’s history was read', async () => await handle.fetchHistory());
  const { order, carried, told } = readGuardPast(events ?? [], service);
  const begun: GuardState = { ...beginGuard(order.spec, order.clusters), ...carried };
  const state = recallGuard(begun, told, Date.now());
  return { state, order: { spec: state.spec, clusters: Object.values(state.clusters) } };
}

/** A move goes on by itself, and only the guard that began it hears how it ended: a new one would not. */
async function mustNotMove(control: Control, service: ServiceName, { move }: GuardState): Promise<void> {
  const running = await inTime(
    control,
    'the running moves were listed',
    async () => await runningMoves(control, service),
  );
  const vitals = move === null ? 'absent' : await readVitals(control.client, move.id);
  const ids = [
    ...new Set([...running, ...(move !== null && ['running', 'failing'].includes(vitals) ? [move.id] : [])]),
  ];
  if (ids.length === 0) return;
  const abort = `temporal workflow signal --workflow-id ${ids[0] ?? ''} --name abort`;
  throw new CodedError(
    'already-moving',
    `${ids.join(', ')} is still running and goes on by itself; repair the guard when it has ended (\`${abort}\` ends it); nothing was touched`,
  );
}

async function runningMoves({ client }: Control, service: ServiceName): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const { workflowId } of client.workflow.list({
    query: "WorkflowType = 'move' AND ExecutionStatus = 'Running'",
  }))
    if (workflowId.startsWith(`move/${service}/`)) ids.push(workflowId);
  return ids;
}

/** One call: the old run ends and the new one begins, or neither. */
async function beginAnew(control: Control, order: GuardOrder, state: GuardState): Promise<string> {
  const { spec } = order;
  return await inTime(control, `the guard of ${spec.name} was begun anew`, async () => {
    const handle = await control.client.workflow.start(WORKFLOW_TYPE.service, {
      workflowId: serviceGuardId(spec.name),
      taskQueue: CONTROL_TASK_QUEUE,
      workflowIdConflictPolicy: 'TERMINATE_EXISTING',
      args: [order, { ...state, move: null }],
      ...attributesOfGuard(spec),
    });
    return handle.firstExecutionRunId;
  });
}

async function inTime<T>({ client }: Control, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await client.connection.withDeadline(Date.now() + QUERY_DEADLINE_MS, work);
  } catch (error) {
    throw await inWords(client, error, what);
  }
}
