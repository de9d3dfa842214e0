/** Which of our workflows run. Visibility lists them all but lags behind; a description by id is exact. */
import type { Client } from '@temporalio/client';
import type { ClusterName, ServiceName } from '../domain/words.js';
import { clusterHealthId, serviceGuardId } from '../workflows/ids.js';
import { inWords, isNotFound, QUERY_DEADLINE_MS } from './ask.js';

/** The exported names of the workflow functions are their types. */
export const WORKFLOW_TYPE = { cluster: 'clusterHealth', service: 'serviceGuard' } as const;
export type Kind = keyof typeof WORKFLOW_TYPE;

/** More than a fleet may hold; a list that is longer is somebody else's namespace. */
const LISTED_MAX = 5_000;

export const workflowIdOf = (kind: Kind, name: ClusterName | ServiceName): string =>
  kind === 'cluster' ? clusterHealthId(name) : serviceGuardId(name);

/**
 * Names of the running workflows of a kind, sorted, as visibility knows them (it lags by up to some seconds).
 * @throws CodedError `temporal-unreachable`
 */
export async function listRunning(client: Client, kind: Kind): Promise<readonly string[]> {
  const query = `WorkflowType = '${WORKFLOW_TYPE[kind]}' AND ExecutionStatus = 'Running'`;
  const prefix = workflowIdOf(kind, '');
  const names = new Set<string>();
  try {
    await client.connection.withDeadline(Date.now() + QUERY_DEADLINE_MS, async () => {
      for await (const { workflowId } of client.workflow.list({ query })) {
        if (workflowId.startsWith(prefix)) names.add(workflowId.slice(prefix.length));
        if (names.size >= LISTED_MAX) break;
      }
    });
  } catch (error) {
    throw await inWords(client, error, `the running ${kind} workflows were listed`);
  }
  return [...names].sort();
}

/** `failing`: it runs, and its task fails again and again, so that it answers nobody although a worker is there. */
export type Vitals = 'running' | 'failing' | 'ended' | 'absent';

/** The first attempt is a task that waits or runs; a later one means that those before it failed or timed out. */
const ATTEMPTS_OF_A_SOUND_TASK = 1;

/**
 * How the workflow is now; exact.
 * @throws CodedError `temporal-unreachable`
 */
export async function readVitals(client: Client, workflowId: string): Promise<Vitals> {
  try {
    const { status, raw } = await client.connection.withDeadline(
      Date.now() + QUERY_DEADLINE_MS,
      async () => await client.workflow.getHandle(workflowId).describe(),
    );
    if (status.name !== 'RUNNING') return 'ended';
    return (raw.pendingWorkflowTask?.attempt ?? 0) > ATTEMPTS_OF_A_SOUND_TASK ? 'failing' : 'running';
  } catch (error) {
    if (isNotFound(error)) return 'absent';
    throw await inWords(client, error, `${workflowId} was described`);
  }
}

/**
 * Whether the workflow runs now, well or not.
 * @throws CodedError `temporal-unreachable`
 */
export async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  return ['running', 'failing'].includes(await readVitals(client, workflowId));
}
