/**
 * The generic webhook: every line of a story as one signed POST, for chat systems, pagers and ticket systems without an
 * adapter of their own (docs/notifications.md has the receiver's side). A lost answer means that a line is sent again
 * under the same idempotency key: the receiver drops what it knows.
 */
import { createHmac } from 'node:crypto';
import { CodedError } from '../domain/errors.js';
import { jsonLine } from '../domain/printable.js';
import type { StoryLine, StoryView } from '../domain/story.js';
import { fingerprint, messageKey, messageUuid } from './message-id.js';
import type { Notifier } from './notifier.js';

/** One POST, ms. */
const POST_TIMEOUT_MS = 5_000;
const PAUSE_DEFAULT_MS = 30_000;
const PAUSE_MAX_MS = 10 * 60_000;
/** Answers that no retry cures: a wrong URL, secret or body. Someone may repair it during the incident. */
const PERMANENT_STATUS = new Set([400, 401, 403, 404, 405, 410, 413, 415, 422]);
const PERMANENT_PAUSE_MS = 30_000;

export interface WebhookOptions {
  readonly url: string;
  readonly secret: string;
}

/** Opens nothing until the first line. */
export function openWebhook(options: WebhookOptions): Notifier {
  return {
    name: 'webhook',
    publish: async (view, delivered, { progress }) => {
      let done = delivered;
      for (const line of view.lines) {
        if (done.lines.includes(line.key)) continue;
        await postLine(options, view, line);
        done = { ...done, lines: [...done.lines, line.key] };
        progress(done);
      }
      return { ...done, head: fingerprint(view.head) };
    },
  };
}

/** `v1=` and the hex HMAC-SHA256 of `<timestamp>.<body>`; the timestamp (Unix, s) lets a receiver refuse old copies. */
export function signature(secret: string, message: { readonly timestamp: string; readonly body: string }): string {
  return `v1=${createHmac('sha256', secret).update(`${message.timestamp}.${message.body}`, 'utf8').digest('hex')}`;
}

async function postLine(options: WebhookOptions, view: StoryView, line: StoryLine): Promise<void> {
  const id = messageUuid(messageKey(view.id, line.key));
  const at = new Date(line.atMs).toISOString();
  const body = jsonLine({ id, story: view.id, key: line.key, at, head: view.head, line });
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': id,
    'x-understudy-timestamp': timestamp,
    'x-understudy-signature': signature(options.secret, { timestamp, body }),
  };
  const response = await send(options.url, { method: 'POST', headers, body });
  if (!response.ok) throw refusal(options.url, response);
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(POST_TIMEOUT_MS);
    // A redirect would carry the signed body to a place that nobody configured.
    const response = await fetch(url, { ...init, redirect: 'manual', signal });
    // The answer's body is of no interest. Nobody waits for its end: of a compressed one that is damaged it never comes.
    response.body?.cancel().catch(() => undefined);
    return response;
  } catch (error) {
    // No `cause`: fetch's own errors quote the URL.
    throw new CodedError('notifier-unreachable', `${place(url)}: no answer (${reasonOf(error)})`);
  }
}

function refusal(url: string, response: Response): CodedError {
  const message = `${place(url)}: answered HTTP ${response.status}`;
  if (response.status === 429 || response.status === 503) {
    const named = response.headers.get('retry-after');
    if (named !== null || response.status === 429) {
      return new CodedError('rate-limited', message, { retryAfterMs: pauseMs(named) });
    }
  }
  if (!PERMANENT_STATUS.has(response.status)) return new CodedError('notifier-unreachable', message);
  const fix = 'check webhook.url and the signing secret';
  return new CodedError('notifier-unreachable', `${message}: ${fix}`, { retryAfterMs: PERMANENT_PAUSE_MS });
}

/** Retry-After is a number of seconds or a date (RFC 9110, section 10.2.3). */
function pauseMs(named: string | null): number {
  const seconds = named === null || named.trim() === '' ? Number.NaN : Number(named);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(named ?? '') - Date.now();
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, PAUSE_MAX_MS) : PAUSE_DEFAULT_MS;
}

/** The host alone: path and query of a webhook are often its password. */
function place(url: string): string {
  return `webhook ${URL.canParse(url) ? new URL(url).host : '(not a URL)'}`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return `timeout after ${POST_TIMEOUT_MS / 1_000} s`;
  const code = error.cause instanceof Error ? (error.cause as NodeJS.ErrnoException).code : undefined;
  return code ?? error.name;
}
