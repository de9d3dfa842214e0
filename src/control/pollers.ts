/** Which workers ask Temporal for work: a queue that nobody polls does nothing. */
import type { Vantage } from '../domain/words.js';
import { CONTROL_TASK_QUEUE, probeTaskQueue } from '../workflows/ids.js';
import { inWords, QUERY_DEADLINE_MS } from './ask.js';
import type { Control } from './control.js';

/** A poll hangs for up to 60 s before it is asked anew; the server lists pollers for minutes after they have gone. */
const FRESH_MS = 70_000;

/** `temporal.api.enums.v1.TaskQueueType`; the numbers are part of the API. */
const TASK_QUEUE_TYPE = { workflow: 1, activity: 2 } as const;

/** A kind of worker: one that runs workflows, or one that probes from a vantage. */
export type WorkerKind = { readonly kind: 'control' } | { readonly kind: 'probe'; readonly vantage: Vantage };

/**
 * Identities (`pid@host`) of the workers that polled their queue lately. One that has just died is still among them.
 * @throws CodedError `temporal-unreachable`
 */
export async function readPollers(control: Control, worker: WorkerKind): Promise<readonly string[]> {
  const { client, namespace } = control;
  const taskQueue = worker.kind === 'control' ? CONTROL_TASK_QUEUE : probeTaskQueue(worker.vantage);
  const taskQueueType = worker.kind === 'control' ? TASK_QUEUE_TYPE.workflow : TASK_QUEUE_TYPE.activity;
  try {
    const { pollers } = await client.connection.withDeadline(
      Date.now() + QUERY_DEADLINE_MS,
      async () =>
        await client.connection.workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: taskQueue },
          taskQueueType,
        }),
    );
    const fresh = (pollers ?? []).filter((p) => Date.now() - Number(p.lastAccessTime?.seconds ?? 0) * 1_000 < FRESH_MS);
    return [...new Set(fresh.map((p) => p.identity ?? 'unnamed'))];
  } catch (error) {
    throw await inWords(client, error, `the task queue ${taskQueue} was described`);
  }
}
