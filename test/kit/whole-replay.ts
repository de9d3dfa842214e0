/**
 * The last check of every test that ran our workflows on a real server: each run's whole history, from its first event,
 * through the runbooks of today. What cannot be repeated is a workflow that the next restart of a worker stops for ever.
 */
import { isGrpcServiceError, type Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { Worker } from '@temporalio/worker';
import * as workflows from '../../src/workflows/index.js';

type Event = temporal.api.history.v1.IHistoryEvent;

/** Of gRPC's status codes. */
const NOT_FOUND = 5;

interface Run {
  readonly workflowId: string;
  readonly runId: string;
}

/**
 * Replays all runs of our own workflow types in the client's namespace.
 * @returns how many there were
 * @throws Error that names every run that cannot be repeated, and why
 */
export async function mustReplay(client: Client, codePath: string): Promise<number> {
  const runs = await listRuns(client);
  const replayed: Run[] = [];
  const failures: string[] = [];
  const histories = historiesOf(client, runs, replayed);
  // One after the other, so that the last one handed over is the one that is told of.
  for await (const { error } of Worker.runReplayHistories({ workflowBundle: { codePath } }, histories)) {
    const { workflowId, runId } = replayed.at(-1) as Run;
    if (error !== undefined) failures.push(`${workflowId} (run ${runId}): ${error.message}`);
  }
  if (failures.length > 0)
    throw new Error(`${failures.length} of ${replayed.length} runs do not replay:\n${failures.join('\n')}`);
  return replayed.length;
}

async function listRuns(client: Client): Promise<Run[]> {
  const ours: Run[] = [];
  for await (const { type, workflowId, runId } of client.workflow.list())
    if (Object.hasOwn(workflows, type)) ours.push({ workflowId, runId });
  return ours;
}

/** `replayed` grows with each that is handed over. Of a run without a task that is done there is nothing to repeat. */
async function* historiesOf(client: Client, runs: readonly Run[], replayed: Run[]) {
  for (const run of runs) {
    const { workflowId } = run;
    const done = wholeTasksOf(await eventsOf(client, run));
    if (done.length === 0) continue;
    replayed.push(run);
    yield { workflowId, history: { events: done } };
  }
}

/** None of a run that was deleted, which lists know for longer on a busy server. */
async function eventsOf(client: Client, { workflowId, runId }: Run): Promise<readonly Event[]> {
  try {
    return (await client.workflow.getHandle(workflowId, runId).fetchHistory()).events ?? [];
  } catch (error) {
    if (isGrpcServiceError(error) && Number(error.code) === NOT_FOUND) return [];
    throw error;
  }
}

/**
 * Up to the last task that was completed, with what it ordered. What came later nobody has decided about yet; the SDK
 * would handle it without a task, which `src/workflows/whole-tasks.ts` refuses.
 */
export function wholeTasksOf(events: readonly Event[]): Event[] {
  const completed = events.findLastIndex((event) => isSet(event.workflowTaskCompletedEventAttributes));
  const task = String(events[completed]?.eventId);
  const next = events.findIndex((event, i) => i > completed && !isOrderedBy(event, task));
  return events.slice(0, next === -1 ? events.length : next);
}

/** Every event that a task ordered names the task, but for the two of an update. */
function isOrderedBy(event: Event, task: string): boolean {
  if (isSet(event.workflowExecutionUpdateAcceptedEventAttributes)) return true;
  if (isSet(event.workflowExecutionUpdateCompletedEventAttributes)) return true;
  return Object.values(event).some(
    (attributes) =>
      typeof attributes === 'object' &&
      attributes !== null &&
      'workflowTaskCompletedEventId' in attributes &&
      String(attributes.workflowTaskCompletedEventId) === task,
  );
}

const isSet = (attributes: unknown): boolean => attributes !== null && attributes !== undefined;
