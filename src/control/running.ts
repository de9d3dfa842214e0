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

/**
 * Whether the workflow runs now; exact.
 * @throws CodedError `temporal-unreachable`
 */
export async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  try {
    const { status } = await client.connection.withDeadline(
      Date.now() + QUERY_DEADLINE_MS,
      async () => await client.workflow.getHandle(workflowId).describe(),
    );
    return status.name === 'RUNNING';
  } catch (error) {
    if (isNotFound(error)) return false;
    throw await inWords(client, error, `${workflowId} was described`);
  }
}
