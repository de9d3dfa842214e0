import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { createNotifyActivities } from '../../src/activities/notify.js';
import { CodedError } from '../../src/domain/errors.js';
import { NOTHING_DELIVERED, type Delivered } from '../../src/domain/story.js';
import { openLog } from '../../src/notify/log.js';
import type { Notifier } from '../../src/notify/notifier.js';
import { openSlack } from '../../src/notify/slack.js';
import { runAsActivity, type Attempt } from '../kit/activity-context.js';
import { SlackStub } from '../kit/slack-stub.js';
import { sampleView } from '../kit/story-samples.js';

const ORDER = { notifier: 'slack', view: sampleView(), delivered: NOTHING_DELIVERED };

/** A notifier that says what it was asked. */
function listening(answer: (delivered: Delivered) => Promise<Delivered>): { notifier: Notifier; asked: unknown[] } {
  const asked: unknown[] = [];
  const notifier: Notifier = {
    name: 'slack',
    publish: async (_view, delivered, { maybe }) => {
      asked.push({ delivered, maybe });
      return await answer(delivered);
    },
  };
  return { notifier, asked };
}

async function publish(
  notifier: Notifier,
  attempt: Attempt = {},
  order: Partial<typeof ORDER & { maybe: boolean }> = {},
) {
  const activities = createNotifyActivities({ notifiers: [notifier] });
  return await runAsActivity(attempt, async () => await activities.publish({ ...ORDER, ...order }));
}

async function failureOf(error: Error): Promise<ApplicationFailure> {
  const { notifier } = listening(async () => await Promise.reject(error));
  const { result } = await publish(notifier);
  const failure: unknown = await result.catch((caught: unknown) => caught);
  expect(failure).toBeInstanceOf(ApplicationFailure);
  return failure as ApplicationFailure;
}

test('notifiers are listed in the order in which they are told', async () => {
  const notifiers = [openLog(() => undefined), openSlack({ token: 't', channel: 'c' })];
  expect(await createNotifyActivities({ notifiers }).notifiers()).toEqual(['log', 'slack']);
});

test.each<[string, Attempt, { maybe?: boolean }, boolean]>([
  ['a first attempt', {}, {}, false],
  ['a second attempt', { attempt: 2 }, {}, true],
  ['an order after one whose answer never came', {}, { maybe: true }, true],
])('%s looks for what is there: %o %o', async (_name, attempt, order, maybe) => {
  const { notifier, asked } = listening(async (delivered) => await Promise.resolve(delivered));
  await publish(notifier, attempt, order);
  expect(asked).toEqual([{ delivered: NOTHING_DELIVERED, maybe }]);
});

test('a retry goes on behind what the attempt before reported', async () => {
  const before: Delivered = { root: '1.1', channel: 'C1', lines: ['1'], head: 'h' };
  const { notifier, asked } = listening(async (delivered) => await Promise.resolve(delivered));
  await publish(notifier, { attempt: 2, heartbeatDetails: before });
  expect(asked).toEqual([{ delivered: before, maybe: true }]);
});

test.each([undefined, null, 'text', 7, {}, []])(
  'heartbeat details that are none of ours (%j) are not trusted',
  async (details) => {
    const { notifier, asked } = listening(async (delivered) => await Promise.resolve(delivered));
    await publish(notifier, { attempt: 2, heartbeatDetails: details });
    expect(asked).toEqual([{ delivered: NOTHING_DELIVERED, maybe: true }]);
  },
);

test('a rate limit becomes a failure that names its pause', async () => {
  const failure = await failureOf(new CodedError('rate-limited', 'slack chat.update: wait', { retryAfterMs: 7_000 }));
  expect(failure).toMatchObject({ type: 'rate-limited', message: 'slack chat.update: wait', nextRetryDelay: 7_000 });
  expect(failure.nonRetryable).toBeFalsy();
});

test('even what only a person can repair is tried again', async () => {
  const failure = await failureOf(new CodedError('notifier-unreachable', 'slack: invalid_auth'));
  expect(failure.type).toBe('notifier-unreachable');
  expect(failure.nonRetryable).toBeFalsy();
});

test('a notifier that this worker does not have may be one that another worker has', async () => {
  const { result } = await publish(openLog(() => undefined));
  const failure = (await result.catch((caught: unknown) => caught)) as ApplicationFailure;
  expect(failure).toMatchObject({ type: 'notifier-unreachable', message: expect.stringContaining('slack') as string });
  expect(failure.nonRetryable).toBeFalsy();
});

test('progress is reported after every message, so that a kill costs one look-up and no duplicate', async () => {
  const stub = await SlackStub.start();
  try {
    const slack = openSlack({ token: 'xoxb-1', channel: '#llm-oncall', apiUrl: stub.apiUrl });
    const { result, heartbeats } = await publish(slack);
    expect((await result).lines).toEqual(['1', '2']);
    expect(heartbeats.map((details) => (details as Delivered).lines)).toEqual([[], ['1'], ['1', '2']]);
    const retry = await publish(slack, { attempt: 2, heartbeatDetails: heartbeats[1] });
    expect((await retry.result).lines.toSorted()).toEqual(['1', '2']);
    expect(stub.messages).toHaveLength(3);
  } finally {
    await stub.stop();
  }
});
