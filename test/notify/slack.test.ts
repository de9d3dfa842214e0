import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CodedError } from '../../src/domain/errors.js';
import { NOTHING_DELIVERED, type Delivered, type StoryView } from '../../src/domain/story.js';
import { openSlack } from '../../src/notify/slack.js';
import type { Notifier } from '../../src/notify/notifier.js';
import { SlackStub } from '../kit/slack-stub.js';
import { sampleHead, sampleLine, sampleView } from '../kit/story-samples.js';

const TOKEN = 'xoxb-secret-never-to-be-seen';
let stub: SlackStub;
let slack: Notifier;

beforeEach(async () => {
  stub = await SlackStub.start();
  slack = openSlack({ token: TOKEN, channel: '#llm-oncall', apiUrl: stub.apiUrl });
});
afterEach(async () => await stub.stop());

/** One attempt as Temporal makes it: what is remembered is what was last reported, or nothing if the process died. */
async function attempt(
  view: StoryView,
  { from = NOTHING_DELIVERED, maybe = false }: { from?: Delivered; maybe?: boolean } = {},
): Promise<{ delivered: Delivered; error: CodedError | null }> {
  let last = from;
  try {
    const delivered = await slack.publish(view, from, { maybe, progress: (delivered) => (last = delivered) });
    return { delivered, error: null };
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError);
    return { delivered: last, error: error as CodedError };
  }
}

const keys = (): (string | undefined)[] => stub.thread.map((message) => message.metadata?.event_payload?.key);

describe('a story in Slack', () => {
  test('is one root message, edited in place, with the lines in its thread', async () => {
    const first = await attempt(sampleView());
    const later = sampleView({
      head: sampleHead({ state: 'done' }),
      lines: [sampleLine('1'), sampleLine('2'), sampleLine('3')],
    });
    await attempt(later, { from: first.delivered });
    expect(stub.roots).toHaveLength(1);
    expect(stub.roots[0]?.edits).toBe(1);
    expect(stub.roots[0]?.text).toContain('done');
    expect(stub.thread.map((message) => message.text.replace(/^.*> /u, ''))).toEqual(['line 1', 'line 2', 'line 3']);
    expect(stub.thread.every((message) => message.thread_ts === stub.roots[0]?.ts)).toBe(true);
  });

  test('is not edited while its head looks the same', async () => {
    const first = await attempt(sampleView());
    await attempt(sampleView({ lines: [sampleLine('3')] }), { from: first.delivered });
    expect(stub.count('chat.update')).toBe(0);
    expect(stub.thread).toHaveLength(3);
  });

  test('shows a line in the channel only when it must be seen', async () => {
    await attempt(sampleView({ lines: [sampleLine('1'), sampleLine('2', { broadcast: true })] }));
    expect(stub.thread.map((message) => message.reply_broadcast)).toEqual([false, true]);
  });

  test('always has a fallback text, a stable client id and its key in the metadata', async () => {
    await attempt(sampleView());
    const [root, first] = stub.messages;
    expect(root?.text).not.toBe('');
    expect(root?.metadata?.event_payload?.key).toBe('story/move/chat/7#root');
    expect(first?.client_msg_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u);
    expect(new Set(stub.messages.map((message) => message.client_msg_id)).size).toBe(3);
  });

  test('costs no look-up while all goes well', async () => {
    await attempt(sampleView());
    expect(stub.calls.map((call) => call.method)).toEqual(['chat.postMessage', 'chat.postMessage', 'chat.postMessage']);
  });
});

describe('a lost answer', () => {
  test('to the root does not make a second root', async () => {
    stub.breakNext('chat.postMessage', { kind: 'answer-lost' });
    const lost = await attempt(sampleView());
    expect(lost.error?.code).toBe('notifier-unreachable');
    const retry = await attempt(sampleView(), { from: lost.delivered, maybe: true });
    expect(retry.error).toBeNull();
    expect(stub.roots).toHaveLength(1);
    expect(keys()).toEqual(['story/move/chat/7#1', 'story/move/chat/7#2']);
  });

  test('to a line does not make a second line', async () => {
    const first = await attempt(sampleView({ lines: [sampleLine('1')] }));
    stub.breakNext('chat.postMessage', { kind: 'answer-lost' });
    const more = sampleView({ lines: [sampleLine('2'), sampleLine('3')] });
    const lost = await attempt(more, { from: first.delivered });
    await attempt(more, { from: lost.delivered, maybe: true });
    expect(keys()).toEqual(['story/move/chat/7#1', 'story/move/chat/7#2', 'story/move/chat/7#3']);
  });

  test.each([1, 2, 3, 4])('and a killed worker, at message %i, leave no duplicate', async (at) => {
    const view = sampleView({ lines: [sampleLine('1'), sampleLine('2'), sampleLine('3')] });
    const healthy = at - 1;
    let posts = 0;
    const killed = slack.publish(view, NOTHING_DELIVERED, {
      maybe: false,
      progress: () => {
        posts += 1;
        if (posts === healthy) stub.breakNext('chat.postMessage', { kind: 'answer-lost' });
      },
    });
    if (healthy === 0) stub.breakNext('chat.postMessage', { kind: 'answer-lost' });
    await expect(killed).rejects.toThrow(CodedError);
    // The process is gone, and its heartbeats with it: the retry knows nothing.
    const retry = await attempt(view, { maybe: true });
    expect(retry.error).toBeNull();
    expect(stub.roots).toHaveLength(1);
    expect(keys()).toEqual(['story/move/chat/7#1', 'story/move/chat/7#2', 'story/move/chat/7#3']);
    expect(retry.delivered.lines.toSorted()).toEqual(['1', '2', '3']);
  });

  test('brings an adopted root up to the newest head', async () => {
    stub.breakNext('chat.postMessage', { kind: 'answer-lost' });
    await attempt(sampleView());
    await attempt(sampleView({ head: sampleHead({ state: 'done' }) }), { maybe: true });
    expect(stub.roots[0]?.text).toContain('done');
  });

  test('does not take another story for ours', async () => {
    await attempt(sampleView({ id: 'story/move/chat/6' }));
    await attempt(sampleView(), { maybe: true });
    expect(stub.roots).toHaveLength(2);
  });

  test('is posted again, rather than not at all, where the app may not look', async () => {
    stub.breakNext('chat.postMessage', { kind: 'answer-lost' });
    await attempt(sampleView({ lines: [] }));
    stub.breakNext('conversations.list', { kind: 'refused', error: 'missing_scope' });
    const retry = await attempt(sampleView({ lines: [] }), { maybe: true });
    expect(retry.error).toBeNull();
    expect(stub.roots).toHaveLength(2);
  });

  test('asks for no list of channels when the channel is configured by its id', async () => {
    slack = openSlack({ token: TOKEN, channel: 'C0ONCALL01', apiUrl: stub.apiUrl });
    await attempt(sampleView(), { maybe: true });
    expect(stub.count('conversations.list')).toBe(0);
    expect(stub.count('conversations.history')).toBe(1);
  });
});

describe('what Slack refuses', () => {
  test('a rate limit names its pause and is not tried again at once', async () => {
    stub.breakNext('chat.postMessage', { kind: 'rate-limited', retryAfterS: 7 });
    const { error } = await attempt(sampleView());
    expect(error).toMatchObject({ code: 'rate-limited', retryAfterMs: 7_000 });
    expect(error?.message).toContain('chat.postMessage');
    expect(stub.calls).toHaveLength(1);
  });

  test('a limit in the middle of a catch-up keeps what was posted', async () => {
    const view = sampleView({ lines: [sampleLine('1'), sampleLine('2'), sampleLine('3')] });
    const first = await attempt(sampleView({ lines: [sampleLine('1')] }));
    stub.breakNext('chat.postMessage', { kind: 'rate-limited', retryAfterS: 1 });
    const limited = await attempt(view, { from: first.delivered });
    expect(limited.delivered.lines).toEqual(['1']);
    await attempt(view, { from: limited.delivered, maybe: true });
    expect(keys()).toEqual(['story/move/chat/7#1', 'story/move/chat/7#2', 'story/move/chat/7#3']);
  });

  test.each([
    ['invalid_auth', 'token'],
    ['channel_not_found', 'slack.channel'],
    ['not_in_channel', '/invite'],
    ['missing_scope', 'scopes'],
  ])('%s is named, with its fix, and tried again slowly', async (refusal, fix) => {
    stub.breakNext('chat.postMessage', { kind: 'refused', error: refusal });
    const { error } = await attempt(sampleView());
    expect(error?.code).toBe('notifier-unreachable');
    expect(error?.message).toContain(`slack chat.postMessage: ${refusal}: `);
    expect(error?.message).toContain(fix);
    expect(error?.retryAfterMs).toBe(30_000);
  });

  test('an unknown refusal is named without a pause of its own', async () => {
    stub.breakNext('chat.postMessage', { kind: 'refused', error: 'fatal_error' });
    const { error } = await attempt(sampleView());
    expect(error).toMatchObject({
      code: 'notifier-unreachable',
      message: 'slack chat.postMessage: fatal_error',
      retryAfterMs: undefined,
    });
  });

  test.each([500, 503])('HTTP %i is one call and one error', async (status) => {
    stub.breakNext('chat.postMessage', { kind: 'status', status });
    const { error } = await attempt(sampleView());
    expect(error).toMatchObject({
      code: 'notifier-unreachable',
      message: `slack chat.postMessage: answered HTTP ${status}`,
    });
    expect(stub.calls).toHaveLength(1);
  });

  test.each(['silence', 'garbled'] as const)('%s ends after five seconds', async (kind) => {
    stub.breakNext('chat.postMessage', { kind });
    const begin = Date.now();
    const { error } = await attempt(sampleView());
    expect(error?.code).toBe('notifier-unreachable');
    expect(Date.now() - begin).toBeLessThan(8_000);
  });

  test('no error, at any depth, shows the token', async () => {
    const faults = [
      { kind: 'refused', error: 'invalid_auth' },
      { kind: 'status', status: 500 },
      { kind: 'answer-lost' },
      { kind: 'rate-limited', retryAfterS: 1 },
    ] as const;
    for (const fault of faults) {
      stub.breakNext('chat.postMessage', fault);
      const { error } = await attempt(sampleView());
      for (let layer: unknown = error; layer instanceof Error; layer = layer.cause) {
        expect(`${layer.message}${layer.stack}${JSON.stringify(layer)}`).not.toContain(TOKEN);
      }
    }
  });
});

describe('what people do to messages', () => {
  test('a deleted root is posted anew, once, and edited from then on', async () => {
    const first = await attempt(sampleView());
    stub.messages = [];
    const done = sampleView({ head: sampleHead({ state: 'done' }), lines: [sampleLine('3')] });
    const second = await attempt(done, { from: first.delivered });
    expect(stub.roots.map((root) => root.metadata?.event_payload?.key)).toEqual(['story/move/chat/7#root/2']);
    await attempt(sampleView({ head: sampleHead({ state: 'failed back' }), lines: [] }), { from: second.delivered });
    expect(stub.roots).toHaveLength(1);
    expect(stub.roots[0]?.text).toContain('failed back');
    expect(keys()).toEqual(['story/move/chat/7#3']);
  });

  test('a root deleted before a line is posted anew and carries the line', async () => {
    const first = await attempt(sampleView());
    stub.messages = [];
    const second = await attempt(sampleView({ lines: [sampleLine('3')] }), { from: first.delivered });
    expect(second.error).toBeNull();
    expect(stub.roots).toHaveLength(1);
    expect(stub.thread[0]?.thread_ts).toBe(stub.roots[0]?.ts);
  });

  test('where edits are forbidden the thread goes on telling', async () => {
    const first = await attempt(sampleView());
    stub.breakNext('chat.update', { kind: 'refused', error: 'edit_window_closed' });
    const done = sampleView({ head: sampleHead({ state: 'done' }), lines: [sampleLine('3')] });
    const second = await attempt(done, { from: first.delivered });
    expect(second.error).toBeNull();
    expect(keys()).toHaveLength(3);
  });
});

describe('an outage', () => {
  test('leaves nothing half told: afterwards all is there once, in order', async () => {
    stub.down = true;
    const lines = ['1', '2', '3', '4', '5'].map((key) => sampleLine(key));
    let state = NOTHING_DELIVERED;
    for (let tries = 1; tries <= lines.length; tries += 1) {
      const tried = await attempt(sampleView({ lines: lines.slice(0, tries) }), { from: state, maybe: tries > 1 });
      expect(tried.error?.code).toBe('notifier-unreachable');
      state = tried.delivered;
    }
    stub.down = false;
    await attempt(sampleView({ lines }), { from: state, maybe: true });
    expect(stub.roots).toHaveLength(1);
    expect(keys()).toEqual(lines.map((line) => `story/move/chat/7#${line.key}`));
  });
});
