/** The port `Notify`: hands a story to one notifier. Progress travels in the heartbeat, so that a retry goes on behind it. */
import { activityInfo, ApplicationFailure, heartbeat } from '@temporalio/activity';
import { CodedError } from '../domain/errors.js';
import type { Delivered } from '../domain/story.js';
import type { Notifier } from '../notify/notifier.js';
import type { Notify, Read } from '../workflows/ports.js';

/** `notifiers` lists them in the order in which they are told. */
export function createNotifyActivities(deps: {
  readonly notifiers: readonly Notifier[];
}): Notify & Pick<Read, 'notifiers'> {
  return {
    notifiers: async () => await Promise.resolve(deps.notifiers.map((notifier) => notifier.name)),

    publish: async ({ notifier: name, view, delivered, maybe = false }) => {
      const { attempt, heartbeatDetails } = activityInfo();
      const notifier = deps.notifiers.find((candidate) => candidate.name === name);
      if (notifier === undefined) throw notConfigured(name);
      const begin = isDelivered(heartbeatDetails) ? heartbeatDetails : delivered;
      try {
        return await notifier.publish(view, begin, { maybe: maybe || attempt > 1, progress: heartbeat });
      } catch (error) {
        throw asFailure(error);
      }
    },
  };
}

/** Retried, because another worker may have it: configurations change one worker at a time. */
function notConfigured(name: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'notifier-unreachable',
    message: `${name}: this worker's configuration has no such notifier`,
  });
}

/** Everything is retried: what only a person can repair may be repaired during the incident. */
function asFailure(error: unknown): unknown {
  if (!(error instanceof CodedError)) return error;
  const { code, message, retryAfterMs } = error;
  return ApplicationFailure.create({
    type: code,
    message,
    ...(retryAfterMs === undefined ? {} : { nextRetryDelay: retryAfterMs }),
    cause: error,
  });
}

function isDelivered(details: unknown): details is Delivered {
  return typeof details === 'object' && details !== null && 'root' in details && 'lines' in details;
}
