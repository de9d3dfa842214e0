import { expect, test } from 'vitest';
import { NOTHING_DELIVERED } from '../../src/domain/story.js';
import { openNotifiers } from '../../src/notify/registry.js';
import { sampleHead, sampleLine, sampleView } from '../kit/story-samples.js';

const SLACK = { channel: '#llm-oncall', tokenEnv: 'SLACK_BOT_TOKEN' };
const WEBHOOK = { url: 'http://127.0.0.1:1/', secretEnv: 'HOOK_SECRET' };
const options = { maybe: false, progress: (): void => undefined };

function opened(fleet: Parameters<typeof openNotifiers>[0], env: Record<string, string> = {}) {
  const lines: Record<string, unknown>[] = [];
  const notifiers = openNotifiers(fleet, env, (line) => lines.push(JSON.parse(line) as Record<string, unknown>));
  return { lines, notifiers, names: notifiers.map((notifier) => notifier.name) };
}

test('without Slack the log tells, and says once that Slack is not configured', async () => {
  const { lines, notifiers, names } = opened({ slack: null, webhook: null });
  expect(names).toEqual(['log']);
  expect(lines).toEqual([
    expect.objectContaining({ kind: 'notice', text: expect.stringContaining('Slack is not configured') }),
  ]);
  await notifiers[0]?.publish(sampleView(), NOTHING_DELIVERED, options);
  await notifiers[0]?.publish(sampleView(), NOTHING_DELIVERED, options);
  expect(lines.filter((line) => line['kind'] === 'notice')).toHaveLength(1);
});

test('with everything configured the log comes first', () => {
  const { lines, names } = opened({ slack: SLACK, webhook: WEBHOOK }, { SLACK_BOT_TOKEN: 'xoxb-1', HOOK_SECRET: 's' });
  expect(names).toEqual(['log', 'slack', 'webhook']);
  expect(lines).toEqual([]);
});

test.each([{}, { SLACK_BOT_TOKEN: '', HOOK_SECRET: ' ' }])(
  'a missing secret stops nothing: it is named in the log and in each failure (%j)',
  async (env) => {
    const { lines, notifiers, names } = opened({ slack: SLACK, webhook: WEBHOOK }, env);
    expect(names).toEqual(['log', 'slack', 'webhook']);
    expect(lines.map((line) => line['text'])).toEqual([
      expect.stringContaining('SLACK_BOT_TOKEN is not set'),
      expect.stringContaining('HOOK_SECRET is not set'),
    ]);
    for (const notifier of notifiers.slice(1)) {
      await expect(notifier.publish(sampleView(), NOTHING_DELIVERED, options)).rejects.toMatchObject({
        code: 'notifier-unreachable',
        retryAfterMs: 30_000,
        message: expect.stringContaining('is not set: set it and restart') as string,
      });
    }
  },
);

test('the log writes each line and each changed head once, as one JSON object a line', async () => {
  const { lines, notifiers } = opened({ slack: null, webhook: null });
  const [log] = notifiers;
  const first = await log!.publish(sampleView(), NOTHING_DELIVERED, options);
  await log!.publish(sampleView(), first, options);
  const done = sampleView({ head: sampleHead({ state: 'done' }), lines: [sampleLine('3')], ended: true });
  await log!.publish(done, first, options);
  expect(lines.slice(1).map((line) => [line['kind'], line['state'] ?? line['text']])).toEqual([
    ['story-head', 'shifting 25 %'],
    ['story-line', 'line 1'],
    ['story-line', 'line 2'],
    ['story-head', 'done'],
    ['story-line', 'line 3'],
  ]);
});
