/** Workflows that cannot go on: they answer nobody although a worker is there, or have ended. */
import type { ClusterName, ServiceName } from '../domain/words.js';
import type { Control } from './control.js';
import { inTurn } from './in-turn.js';
import { type Kind, listRunning, readVitals, type Vitals, workflowIdOf } from './running.js';

/**
 * Names of the services whose guard fails at its task again and again, as Temporal describes it.
 * @throws CodedError `temporal-unreachable`
 */
export async function findFailingGuards(control: Control): Promise<readonly ServiceName[]> {
  const guards = await vitalsOf(control, 'service', await listRunning(control.client, 'service'));
  return guards.filter(([, how]) => how === 'failing').map(([name]) => name);
}

/**
 * The clusters of `names` that nobody watches, and how their workflow is: what their guards know of them is old.
 * @throws CodedError `temporal-unreachable`
 */
export async function findUnwatched(
  control: Control,
  names: readonly ClusterName[],
): Promise<readonly (readonly [ClusterName, Vitals])[]> {
  return (await vitalsOf(control, 'cluster', names)).filter(([, how]) => how !== 'running');
}

async function vitalsOf({ client }: Control, kind: Kind, names: readonly string[]) {
  return await inTurn(names, async (name) => [name, await readVitals(client, workflowIdOf(kind, name))] as const);
}
