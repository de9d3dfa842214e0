/**
 * What an earlier attempt left in Slack. An answer can be lost after the message was posted, and Slack promises no
 * idempotency key, so every message carries its key in its metadata and is looked for before it is posted again.
 */
import { slackCodeOf, type SlackCall } from './slack-client.js';

/** The `event_type` of our metadata; Slack stores it for us and shows it to nobody. */
export const EVENT_TYPE = 'understudy_story';

/** 5 pages of 200 reach over any channel's traffic between a post and its retry; a duplicate beyond that is accepted. */
const PAGES_MAX = 5;
const PAGE_SIZE = 200;
/** Clocks differ: how far before the story's beginning to look, s. */
const CLOCK_MARGIN_S = 600;
/** Answers that mean "you may not look": then a duplicate is better than silence during an incident. */
const MAY_NOT_LOOK = new Set([
  'missing_scope',
  'not_in_channel',
  'no_permission',
  'not_allowed_token_type',
  'access_denied',
]);
const CHANNEL_ID = /^[CGD][A-Z0-9]{7,}$/u;

export interface SeenMessage {
  readonly ts: string;
  readonly key: string;
}

export interface Lookup {
  readonly call: SlackCall;
  /** Called before every page, so that a long search still counts as alive. */
  readonly beat: () => void;
}

/** The id of a channel given by id or by name, without `#`; `null` if it cannot be found out. */
export async function channelIdOf(lookup: Lookup, channel: string): Promise<string | null> {
  if (CHANNEL_ID.test(channel)) return channel;
  const channels = await pages(lookup, 'conversations.list', {
    types: 'public_channel,private_channel',
    exclude_archived: true,
  });
  for (const entry of channels) {
    if (entry['name'] === channel && typeof entry['id'] === 'string') return entry['id'];
  }
  return null;
}

/** Our messages of a channel since `sinceMs`, newest first. */
export async function ourMessages(lookup: Lookup, place: { channel: string; sinceMs: number }): Promise<SeenMessage[]> {
  const oldest = Math.max(0, Math.floor(place.sinceMs / 1_000) - CLOCK_MARGIN_S);
  const messages = await pages(lookup, 'conversations.history', {
    channel: place.channel,
    oldest: String(oldest),
    include_all_metadata: true,
  });
  return messages.flatMap(seenMessage);
}

/** Our messages of a thread. */
export async function ourReplies(lookup: Lookup, place: { channel: string; root: string }): Promise<SeenMessage[]> {
  const messages = await pages(lookup, 'conversations.replies', {
    channel: place.channel,
    ts: place.root,
    include_all_metadata: true,
  });
  return messages.flatMap(seenMessage);
}

type Entry = Readonly<Record<string, unknown>>;

async function pages(lookup: Lookup, method: string, args: Entry): Promise<Entry[]> {
  const found: Entry[] = [];
  let cursor = '';
  for (let page = 0; page < PAGES_MAX; page += 1) {
    lookup.beat();
    const answer = await pageOrNothing(lookup.call, method, {
      ...args,
      limit: PAGE_SIZE,
      ...(cursor === '' ? {} : { cursor }),
    });
    if (answer === null) return found;
    const list = answer['messages'] ?? answer['channels'];
    if (Array.isArray(list)) found.push(...list.filter(isEntry));
    const next = isEntry(answer['response_metadata']) ? answer['response_metadata']['next_cursor'] : undefined;
    if (typeof next !== 'string' || next === '') return found;
    cursor = next;
  }
  return found;
}

async function pageOrNothing(call: SlackCall, method: string, args: Entry): Promise<Entry | null> {
  try {
    return (await call(method, args)) as unknown as Entry;
  } catch (error) {
    const code = slackCodeOf(error);
    // A deleted root has no replies to look at; posting to it will tell.
    if (code !== null && (MAY_NOT_LOOK.has(code) || code === 'thread_not_found')) return null;
    throw error;
  }
}

function seenMessage(message: Entry): SeenMessage[] {
  const metadata = message['metadata'];
  if (!isEntry(metadata) || metadata['event_type'] !== EVENT_TYPE) return [];
  const payload = metadata['event_payload'];
  const key = isEntry(payload) ? payload['key'] : undefined;
  const ts = message['ts'];
  return typeof key === 'string' && typeof ts === 'string' ? [{ ts, key }] : [];
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null;
}
