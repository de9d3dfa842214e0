/** The same notifier against an emulation of Slack that we did not write. */
import { createServer } from 'node:net';
import { createEmulator, type Emulator } from 'emulate';
import { WebClient } from '@slack/web-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NOTHING_DELIVERED } from '../../src/domain/story.js';
import { openSlack } from '../../src/notify/slack.js';
import { sampleHead, sampleLine, sampleView } from '../kit/story-samples.js';

const TOKEN = 'xoxb-test';
let slack: Emulator;
let client: WebClient;
let apiUrl: string;

beforeEach(async () => {
  const seed = { slack: { channels: [{ name: 'llm-oncall' }], tokens: [{ token: TOKEN }] } };
  slack = await createEmulator({ service: 'slack', port: await freePort(), seed });
  apiUrl = `${slack.url}/api/`;
  client = new WebClient(TOKEN, { slackApiUrl: apiUrl, retryConfig: { retries: 0 } });
});
afterEach(async () => await slack.close());

const open = (channel = '#llm-oncall') => openSlack({ token: TOKEN, channel, apiUrl });
const options = { maybe: false, progress: (): void => undefined };

async function channelId(): Promise<string> {
  const { channels = [] } = await client.conversations.list();
  return channels.find((channel) => channel.name === 'llm-oncall')?.id ?? '';
}

test('a whole story is one message in the channel and its lines in the thread', async () => {
  const first = await open().publish(sampleView(), NOTHING_DELIVERED, options);
  const head = sampleHead({ state: 'done', tone: 'good', progressPct: 100 });
  const view = sampleView({ head, lines: [sampleLine('3', { broadcast: true })], ended: true });
  const last = await open().publish(view, first, options);
  const channel = await channelId();
  const history = await client.conversations.history({ channel, include_all_metadata: true });
  expect(history.messages).toHaveLength(1);
  expect(history.messages?.[0]?.text).toContain('done');
  const replies = await client.conversations.replies({ channel, ts: last.root ?? '' });
  expect(replies.messages?.slice(1).map((message) => message.text?.replace(/^.*> /u, ''))).toEqual([
    'line 1',
    'line 2',
    'line 3',
  ]);
});

test.each([
  ['by name', '#llm-oncall'],
  ['by id', ''],
])('a retry that knows nothing finds all of it: channel %s', async (_name, name) => {
  const channel = await channelId();
  await open(name || channel).publish(sampleView(), NOTHING_DELIVERED, options);
  const again = await open(name || channel).publish(sampleView(), NOTHING_DELIVERED, { ...options, maybe: true });
  const history = await client.conversations.history({ channel });
  const replies = await client.conversations.replies({ channel, ts: again.root ?? '' });
  expect(history.messages).toHaveLength(1);
  expect(replies.messages).toHaveLength(3);
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
