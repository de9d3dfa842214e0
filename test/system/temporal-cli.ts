/** Temporal's own command line, for what people do without ours; and what a workflow wrote down of it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { findTemporalBinary } from '../../src/temporal/find-binary.js';
import { failedTasksIn } from '../kit/failed-tasks.js';
import type { TestInstance } from '../kit/instance.js';

export interface TemporalTools {
  /** `temporal workflow signal`; without an input none is sent. @throws when the command itself fails */
  signal(workflowId: string, name: string, input?: string): Promise<void>;
  /** How often a workflow's history holds a failed workflow task: its code threw. */
  failedTasks(workflowId: string): Promise<number>;
  /** Names of the signals that a workflow received, in order. */
  signalsOf(workflowId: string): Promise<readonly string[]>;
  readonly client: Client;
  close(): Promise<void>;
}

export async function openTemporalTools(instance: TestInstance): Promise<TemporalTools> {
  const { address, namespace } = instance.info().temporal;
  const { path } = await findTemporalBinary({ onLine: () => undefined });
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const eventsOf = async (workflowId: string) =>
    (await client.workflow.getHandle(workflowId).fetchHistory()).events ?? [];
  return {
    client,
    signal: async (workflowId, name, input) => {
      const what = ['--workflow-id', workflowId, '--name', name, ...(input === undefined ? [] : ['--input', input])];
      await promisify(execFile)(path, ['workflow', 'signal', '--address', address, '--namespace', namespace, ...what]);
    },
    failedTasks: async (workflowId) => failedTasksIn(await eventsOf(workflowId)).length,
    signalsOf: async (workflowId) =>
      (await eventsOf(workflowId)).flatMap((e) => e.workflowExecutionSignaledEventAttributes?.signalName ?? []),
    close: async () => await connection.close(),
  };
}
