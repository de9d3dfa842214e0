/** Workflows that cannot go on: they answer nobody although a worker is there, or have ended. */
import type { ClusterName, ServiceName } from '../domain/words.js';
import type { Control } from './control.js';
import { inTurn } from './in-turn.js';
import { listRunning, readVitals, type Vitals, workflowIdOf } from './running.js';

/**
 * Names of the services whose guard fails at its task again and again, as Temporal describes it.
 * @throws CodedError `temporal-unreachable`
 */
export async function findFailingGuards({ client }: Control): Promise<readonly ServiceName[]> {
  const names = await listRunning(client, 'service');
  const vitals = await inTurn(names, async (name) => await readVitals(client, workflowIdOf('service', name)));
  return names.filter((_, i) => vitals[i] === 'failing');
}

/**
 * The clusters of `names` that nobody watches, and how their workflow is: what their guards know of them is old.
 * @throws CodedError `temporal-unreachable`
 */
export async function findUnwatched(
  { client }: Control,
  names: readonly ClusterName[],
): Promise<ReadonlyMap<ClusterName, Exclude<Vitals, 'running'>>> {
  const vitals = await inTurn(names, async (name) => await readVitals(client, workflowIdOf('cluster', name)));
  return new Map(
    names.flatMap((name, i) => {
      const how = vitals[i];
      return how === undefined || how === 'running' ? [] : [[name, how] as const];
    }),
  );
}
