/**
 * Slack: one root message a story, edited in place; its thread is the log. Edits are repeatable by nature; posts are
 * not, so each carries its key in its metadata and, when an earlier attempt may have got through, is looked for first.
 * What it cannot do: Slack keeps no order between two writers, so only one attempt may run at a time (Temporal's lease).
 */
import { CodedError } from '../domain/errors.js';
import type { Delivered, StoryLine, StoryView } from '../domain/story.js';
import { fingerprint, messageKey, messageUuid } from './message-id.js';
import type { Notifier } from './notifier.js';
import { renderLine, renderRoot } from './slack-blocks.js';
import { openSlackClient, slackCodeOf, type SlackCall } from './slack-client.js';
import { channelIdOf, EVENT_TYPE, ourMessages, ourReplies, type Lookup } from './slack-lookup.js';

export interface SlackOptions {
  readonly token: string;
  /** Name (`#llm-oncall`) or id; an id saves a look-up after a lost answer. */
  readonly channel: string;
  readonly apiUrl?: string;
}

/** The root or its thread is gone: somebody deleted it. */
const ROOT_GONE = new Set(['message_not_found', 'thread_not_found', 'cannot_reply_to_message']);
/** A workspace rule forbids edits: then the thread alone tells, and nothing is retried for ever. */
const EDIT_FORBIDDEN = new Set(['edit_window_closed', 'cant_update_message']);
/** Slack adds nothing of its own: no mention of names, no link of what looks like one. An update would do it by default. */
const AS_WRITTEN = { parse: 'none', link_names: false } as const;
/** How far back to look for the root of a story without lines, ms. */
const LOOK_BACK_MS = 24 * 60 * 60_000;

/** Opens nothing until the first message. */
export function openSlack(options: SlackOptions): Notifier {
  const call = openSlackClient(options);
  // Slack takes a name with or without its `#`, an id only without one.
  const channel = options.channel.replace(/^#/u, '');
  return {
    name: 'slack',
    publish: async (view, delivered, { maybe, progress }) => {
      const post = new Publication({ call, channel, view, maybe, progress }, delivered);
      return await post.run();
    },
  };
}

interface Order {
  readonly call: SlackCall;
  readonly channel: string;
  readonly view: StoryView;
  readonly maybe: boolean;
  readonly progress: (delivered: Delivered) => void;
}

/** One attempt to bring Slack up to a view. */
class Publication {
  private readonly lookup: Lookup;

  constructor(
    private readonly order: Order,
    private done: Delivered,
  ) {
    this.lookup = { call: order.call, beat: () => order.progress(this.done) };
  }

  async run(): Promise<Delivered> {
    if (this.order.maybe) await this.findWhatIsThere();
    if (this.done.root === null) await this.postRoot(1);
    else await this.editRoot(readRoot(this.done.root));
    for (const line of this.order.view.lines) {
      if (!this.done.lines.includes(line.key)) await this.postLine(line);
    }
    return this.done;
  }

  private async findWhatIsThere(): Promise<void> {
    if (this.done.root === null) await this.adoptRoot(1);
    const { root, channel } = this.done;
    if (root === null || channel === null) return;
    const replies = await ourReplies(this.lookup, { channel, root: readRoot(root).ts });
    const seen = new Set(replies.map((message) => message.key));
    const { id, lines } = this.order.view;
    const found = lines.filter((line) => seen.has(messageKey(id, line.key))).map((line) => line.key);
    if (found.length > 0) this.advance({ lines: [...new Set([...this.done.lines, ...found])] });
  }

  /** Takes over a root that an earlier attempt posted. Its head is unknown, so it is edited next. */
  private async adoptRoot(generation: number): Promise<boolean> {
    const channel = this.done.channel ?? (await channelIdOf(this.lookup, this.order.channel));
    if (channel === null) return false;
    const { id, lines } = this.order.view;
    const sinceMs = lines.length > 0 ? Math.min(...lines.map((line) => line.atMs)) : Date.now() - LOOK_BACK_MS;
    const key = messageKey(id, rootPart(generation));
    const found = (await ourMessages(this.lookup, { channel, sinceMs })).find((message) => message.key === key);
    if (found !== undefined) this.advance({ root: writeRoot({ ts: found.ts, generation }), channel, head: null });
    return found !== undefined;
  }

  private async postRoot(generation: number): Promise<void> {
    const rendered = renderRoot(this.order.view);
    const channel = this.done.channel ?? this.order.channel;
    const posted = await this.post(rootPart(generation), { channel, text: rendered.text, blocks: rendered.blocks });
    const root = writeRoot({ ts: posted.ts, generation });
    this.advance({ root, channel: posted.channel, head: fingerprint(rendered) });
  }

  private async editRoot(root: Root): Promise<void> {
    const rendered = renderRoot(this.order.view);
    const head = fingerprint(rendered);
    if (this.done.head === head) return;
    const { text, blocks } = rendered;
    const metadata = this.metadata(rootPart(root.generation));
    try {
      const channel = this.done.channel;
      await this.order.call('chat.update', { ...AS_WRITTEN, channel, ts: root.ts, text, blocks, metadata });
    } catch (error) {
      const code = slackCodeOf(error) ?? '';
      if (ROOT_GONE.has(code)) return await this.replaceRoot(root);
      if (!EDIT_FORBIDDEN.has(code)) throw error;
    }
    this.advance({ head });
  }

  private async replaceRoot(gone: Root): Promise<void> {
    const generation = gone.generation + 1;
    if (this.order.maybe && (await this.adoptRoot(generation))) return;
    await this.postRoot(generation);
  }

  private async postLine(line: StoryLine): Promise<void> {
    try {
      await this.postInThread(line);
    } catch (error) {
      if (!ROOT_GONE.has(slackCodeOf(error) ?? '') || this.done.root === null) throw error;
      await this.replaceRoot(readRoot(this.done.root));
      await this.postInThread(line);
    }
    this.advance({ lines: [...this.done.lines, line.key] });
  }

  private async postInThread(line: StoryLine): Promise<void> {
    const { root, channel } = this.done;
    await this.post(line.key, {
      channel,
      thread_ts: root === null ? undefined : readRoot(root).ts,
      ...renderLine(line),
      ...(line.broadcast ? { reply_broadcast: true } : {}),
    });
  }

  private async post(
    part: string,
    message: Readonly<Record<string, unknown>>,
  ): Promise<{ ts: string; channel: string }> {
    const key = messageKey(this.order.view.id, part);
    const answer = await this.order.call('chat.postMessage', {
      ...message,
      ...AS_WRITTEN,
      unfurl_links: false,
      unfurl_media: false,
      client_msg_id: messageUuid(key),
      metadata: this.metadata(part),
    });
    const { ts, channel } = answer as { readonly ts?: unknown; readonly channel?: unknown };
    if (typeof ts === 'string' && typeof channel === 'string') return { ts, channel };
    throw new CodedError(
      'notifier-unreachable',
      'slack chat.postMessage: answered without the message’s ts and channel',
    );
  }

  private metadata(part: string): { event_type: string; event_payload: { key: string; story: string } } {
    const story = this.order.view.id;
    return { event_type: EVENT_TYPE, event_payload: { key: messageKey(story, part), story } };
  }

  private advance(change: Partial<Delivered>): void {
    this.done = { ...this.done, ...change };
    this.order.progress(this.done);
  }
}

/**
 * A root message: its `ts`, and which one it is. Somebody may delete it; the next one has its own key, so that a repeated
 * attempt finds it instead of posting a third. Kept in `Delivered.root` as `1764.0001` or `1764.0001/2`.
 */
interface Root {
  readonly ts: string;
  readonly generation: number;
}

function rootPart(generation: number): string {
  return generation === 1 ? 'root' : `root/${generation}`;
}

function writeRoot({ ts, generation }: Root): string {
  return generation === 1 ? ts : `${ts}/${generation}`;
}

function readRoot(text: string): Root {
  const [ts = '', generation = '1'] = text.split('/');
  return { ts, generation: Number(generation) };
}
