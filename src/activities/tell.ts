/** Verdicts to guards, side by side: a hundred services that lose one cluster hear of it in one go. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { serviceGuardId } from '../workflows/ids.js';
import { clusterVerdictSignal } from '../workflows/messages.js';
import type { Tell } from '../workflows/ports.js';

/** `client`: asked for at each call, for it belongs to the activity that runs. */
export function createTellActivities(deps: { readonly client: () => Client }): Tell {
  return {
    tellGuards: async ({ services, message }) => {
      const client = deps.client();
      const told = await Promise.all(
        services.map(async (service) => {
          try {
            await client.workflow.getHandle(serviceGuardId(service)).signal(clusterVerdictSignal, message);
            return [];
          } catch (error) {
            if (error instanceof WorkflowNotFoundError) return [service];
            throw error;
          }
        }),
      );
      return { absent: told.flat() };
    },
  };
}
