/** Guards whose every workflow task fails: they answer nobody although a worker is there. */
import type { ServiceName } from '../domain/words.js';
import { serviceGuardId } from '../workflows/ids.js';
import { QUERY_DEADLINE_MS } from './ask.js';
import type { Control } from './control.js';
import { inTurn } from './in-turn.js';
import { listRunning } from './running.js';

/** The first attempt is a task that waits or runs; a later one means that those before it failed or timed out. */
const ATTEMPTS_OF_A_SOUND_TASK = 1;

/**
 * Names of the services whose guard fails at its task again and again, as Temporal describes it.
 * @throws CodedError `temporal-unreachable`; whatever Temporal says of a single guard that cannot be described
 */
export async function findFailingGuards({ client }: Control): Promise<readonly ServiceName[]> {
  const names = await listRunning(client, 'service');
  const failing = await inTurn(names, async (name) => {
    const { raw } = await client.connection.withDeadline(
      Date.now() + QUERY_DEADLINE_MS,
      async () => await client.workflow.getHandle(serviceGuardId(name)).describe(),
    );
    return (raw.pendingWorkflowTask?.attempt ?? 0) > ATTEMPTS_OF_A_SOUND_TASK;
  });
  return names.filter((_, i) => failing[i]);
}
