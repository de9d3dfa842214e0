/**
 * Workflows whose task failed at least twice in a row: their code cannot go on, whichever worker tries. Whatever they
 * guard is guarded no more, and they cannot say so themselves.
 */
import { isGrpcServiceError, ServiceError, type Client } from '@temporalio/client';
import { printable, SENTENCE_CHARS_MAX } from '../domain/printable.js';

export interface FailingTask {
  readonly workflowId: string;
  readonly runId: string;
  /** The exported name of the workflow. */
  readonly type: string;
  /** Of the task that is tried now. */
  readonly attempt: number;
  /** What the last failure said, or that the task ran out of time. */
  readonly why: string;
}

/** The third attempt means that two have failed: one alone is what a worker leaves that is killed in the middle. */
export const ATTEMPT_AFTER_TWO = 3;
/** More than anybody reads; the rest is named when these are repaired. */
const NAMED_MAX = 50;
/** Of a server that does not report problems: so many workflows are described, one call each. */
const DESCRIBED_MAX = 200;
/** Events at the end of a history among which the failure stands. */
const LAST_EVENTS = 20;

/** `system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute` says after how many failures; server 1.30 and newer. */
const REPORTED =
  "TemporalReportedProblems IN ('category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut') AND ExecutionStatus = 'Running'";
const RUNNING = "ExecutionStatus = 'Running'";
const INVALID_ARGUMENT = 3;

/** One list a call, and two calls for each that it names. */
export async function findFailingTasks(client: Client): Promise<readonly FailingTask[]> {
  const suspects = await suspectsOf(client);
  const failing: FailingTask[] = [];
  for (const suspect of suspects) {
    const task = await readFailingTask(client, suspect);
    if (task !== null) failing.push(task);
    if (failing.length >= NAMED_MAX) break;
  }
  return failing;
}

interface Suspect {
  readonly workflowId: string;
  readonly runId?: string;
}

async function suspectsOf(client: Client): Promise<readonly Suspect[]> {
  try {
    return await listed(client, REPORTED, NAMED_MAX);
  } catch (error) {
    const root = error instanceof ServiceError ? error.cause : error;
    if (!isGrpcServiceError(root) || Number(root.code) !== INVALID_ARGUMENT) throw error;
    return await listed(client, RUNNING, DESCRIBED_MAX);
  }
}

async function listed(client: Client, query: string, most: number): Promise<readonly Suspect[]> {
  const found: Suspect[] = [];
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    found.push({ workflowId, runId });
    if (found.length >= most) break;
  }
  return found;
}

/** How the task of a workflow fails, exactly; `null`: it does not, or the workflow has ended. */
export async function readFailingTask(client: Client, { workflowId, runId }: Suspect): Promise<FailingTask | null> {
  const handle = client.workflow.getHandle(workflowId, runId);
  const { status, type, runId: run, raw } = await handle.describe();
  const attempt = raw.pendingWorkflowTask?.attempt ?? 0;
  if (status.name !== 'RUNNING' || attempt < ATTEMPT_AFTER_TWO) return null;
  return { workflowId, runId: run, type, attempt, why: await whyItFails(client, workflowId, run) };
}

async function whyItFails(client: Client, workflowId: string, runId: string): Promise<string> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: LAST_EVENTS,
  });
  const failed = history?.events?.find((event) => event.workflowTaskFailedEventAttributes);
  const message = failed?.workflowTaskFailedEventAttributes?.failure?.message;
  return printable(message ?? 'no worker finishes its task in time', SENTENCE_CHARS_MAX);
}
