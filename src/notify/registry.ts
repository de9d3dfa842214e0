/** Which notifiers a fleet has: the log always, the others as configured. The only place that reads their secrets. */
import { CodedError } from '../domain/errors.js';
import type { Fleet } from '../domain/fleet.js';
import { jsonLine } from '../domain/printable.js';
import { openLog, type WriteLine } from './log.js';
import type { Notifier, NotifierName } from './notifier.js';
import { openSlack } from './slack.js';
import { openWebhook } from './webhook.js';

type Env = Readonly<Record<string, string | undefined>>;

/** Between two tries without a credential, ms; the message waits in Temporal until a worker with one takes it. */
const NO_SECRET_PAUSE_MS = 30_000;

/**
 * Never throws: a missing token must not keep a control worker from moving traffic. A notifier without its secret fails
 * every message with the variable's name, and delivers all of them after a restart with the variable set.
 */
export function openNotifiers(fleet: Pick<Fleet, 'slack' | 'webhook'>, env: Env, write: WriteLine): Notifier[] {
  const { slack, webhook } = fleet;
  const notifiers = [openLog(write)];
  if (slack === null) {
    write(notice('Slack is not configured: stories are told in this log only; docs/notifications.md shows how'));
  } else {
    const { channel, apiUrl } = slack;
    notifiers.push(
      withSecret('slack', { env, variable: slack.tokenEnv, write }, (token) =>
        openSlack({ token, channel, ...(apiUrl === undefined ? {} : { apiUrl }) }),
      ),
    );
  }
  if (webhook !== null) {
    notifiers.push(
      withSecret('webhook', { env, variable: webhook.secretEnv, write }, (secret) =>
        openWebhook({ url: webhook.url, secret }),
      ),
    );
  }
  return notifiers;
}

interface SecretPlace {
  readonly env: Env;
  readonly variable: string;
  readonly write: WriteLine;
}

function withSecret(name: NotifierName, place: SecretPlace, open: (secret: string) => Notifier): Notifier {
  const secret = place.env[place.variable]?.trim();
  if (secret !== undefined && secret !== '') return open(secret);
  const message = `${name}: the environment variable ${place.variable} is not set: set it and restart the control worker`;
  place.write(notice(message));
  return {
    name,
    publish: async () =>
      await Promise.reject(new CodedError('notifier-unreachable', message, { retryAfterMs: NO_SECRET_PAUSE_MS })),
  };
}

function notice(text: string): string {
  return jsonLine({ kind: 'notice', at: new Date().toISOString(), text });
}
