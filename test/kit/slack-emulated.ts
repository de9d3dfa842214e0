/** Slack, emulated by somebody else's code, with one channel; and what a reader of that channel would see. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebClient } from '@slack/web-api';
import { createEmulator } from 'emulate';
import { freePorts } from './ports.js';

export const SLACK_TOKEN = 'xoxb-test';
export const SLACK_CHANNEL = 'llm-oncall';

/** The emulator refuses (403) after some thousand calls, also those of the product: whoever waits must not use them up. */
const READ_EVERY_MS = 300;

export interface EmulatedSlack {
  /** Base URL of the Web API. */
  readonly apiUrl: string;
  /** Root messages of the channel, oldest first, each with the texts of its thread in order. */
  threads(): Promise<readonly { readonly text: string; readonly lines: readonly string[] }[]>;
  close(): Promise<void>;
}

/** `port`: where to listen; by default one of the test's own ports. */
export async function openEmulatedSlack(port?: number): Promise<EmulatedSlack> {
  const seed = { slack: { channels: [{ name: SLACK_CHANNEL }], tokens: [{ token: SLACK_TOKEN }] } };
  const emulator = await createEmulator({ service: 'slack', port: port ?? (await freePorts(1))[0] ?? 0, seed });
  const apiUrl = `${emulator.url}/api/`;
  const client = new WebClient(SLACK_TOKEN, { slackApiUrl: apiUrl, retryConfig: { retries: 0 } });
  return {
    apiUrl,
    threads: async () => {
      await sleep(READ_EVERY_MS);
      const { channels = [] } = await client.conversations.list();
      const channel = channels.find(({ name }) => name === SLACK_CHANNEL)?.id ?? '';
      const { messages = [] } = await client.conversations.history({ channel });
      const roots = messages.filter((m) => m.thread_ts === undefined || m.thread_ts === m.ts).reverse();
      return await Promise.all(
        roots.map(async ({ ts = '', text = '' }) => {
          const { messages: thread = [] } = await client.conversations.replies({ channel, ts, limit: 1_000 });
          return { text, lines: thread.slice(1).map((m) => m.text ?? '') };
        }),
      );
    },
    close: async () => await emulator.close(),
  };
}
