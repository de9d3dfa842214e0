/**
 * Slack's Web API with everything off that would wait or repeat on its own: Temporal retries, and one limited channel
 * must not hold up another. Every failure leaves as a CodedError that names the method and never the token.
 */
import { ErrorCode, LogLevel, WebClient, type WebAPICallResult } from '@slack/web-api';
import { CodedError } from '../domain/errors.js';
import { numberOf, parseJson } from '../domain/outside.js';
import { printable } from '../domain/printable.js';
import { boundedText, SMALL_ANSWER_BYTES_MAX } from '../outside/bounded-text.js';

/** One call, ms: below the 10 s that a person waits for a message, far above Slack's usual 0.3 s. */
const CALL_TIMEOUT_MS = 5_000;
/** Slack names its pause; this stands in when it does not, and bounds what it may ask for, ms. */
const PAUSE_DEFAULT_MS = 30_000;
const PAUSE_MAX_MS = 10 * 60_000;
/** Between two tries of what only a person can repair, ms. */
const PERMANENT_PAUSE_MS = 30_000;

export type SlackArguments = Readonly<Record<string, unknown>>;
/** @throws CodedError `rate-limited` or `notifier-unreachable`; the latter's `cause` is a SlackRefusal if Slack said no. */
export type SlackCall = (method: string, args: SlackArguments) => Promise<WebAPICallResult>;

/** Slack answered, and its answer was no. */
export class SlackRefusal extends Error {
  override readonly name = 'SlackRefusal';
  constructor(readonly slackCode: string) {
    super(`Slack answered ${slackCode}`);
  }
}

/** Slack's own word for why it said no, or `null` when the error is of another kind. */
export function slackCodeOf(error: unknown): string | null {
  return error instanceof CodedError && error.cause instanceof SlackRefusal ? error.cause.slackCode : null;
}

/** What a person can do about the answers that no retry cures. */
const FIXES: Readonly<Record<string, string>> = {
  invalid_auth: 'the token is wrong: set a valid bot token and restart the control worker',
  not_authed: 'there is no token: set a bot token and restart the control worker',
  account_inactive: 'the app was removed from the workspace: install it again',
  token_revoked: 'the token was revoked: install the app again and set its new token',
  token_expired: 'the token has expired: set a fresh one and restart the control worker',
  channel_not_found: 'check slack.channel in the configuration, and invite the app if the channel is private',
  not_in_channel: 'invite the app to the channel: /invite @<app>',
  is_archived: 'the channel is archived: unarchive it or configure another one',
  missing_scope: 'give the app the scopes of docs/notifications.md and install it again',
  restricted_action: 'a workspace rule forbids the app to post there: change it or configure another channel',
};

/** A client for one workspace. `apiUrl` ends where the method's name begins. */
export function openSlackClient(options: { readonly token: string; readonly apiUrl?: string }): SlackCall {
  const client = new WebClient(options.token, {
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: CALL_TIMEOUT_MS,
    allowAbsoluteUrls: false,
    fetch: boundedFetch,
    // Its warnings repeat what our errors say; below this level it would also print whole answers.
    logLevel: LogLevel.ERROR,
    ...(options.apiUrl === undefined ? {} : { slackApiUrl: options.apiUrl }),
  });
  return async (method, args) => {
    try {
      return await endsInTime(client.apiCall(method, { ...args }));
    } catch (error) {
      throw translate(method, error, options.token);
    }
  };
}

/** The client reads an answer to its end, whatever comes. */
async function boundedFetch(...call: Parameters<typeof fetch>): Promise<Response> {
  const answer = await fetch(...call);
  const text = await boundedText(answer.body, SMALL_ANSWER_BYTES_MAX);
  const parsed = parseJson(text);
  if (parsed.kind === 'refused' && parsed.reason !== 'not-json') throw new Error(parsed.why);
  const { status, statusText, headers } = answer;
  return new Response(isBodyless(status) ? null : text, { status, statusText, headers });
}

/** Fetch makes no answer of these with a body. */
const isBodyless = (status: number): boolean => status === 204 || status === 205 || status === 304;

/** The client's own limit ends with the head of an answer: a compressed body that is damaged would be read for ever. */
async function endsInTime<T>(call: Promise<T>): Promise<T> {
  let late: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    late = setTimeout(() => reject(new Error(`timeout after ${CALL_TIMEOUT_MS / 1_000} s`)), CALL_TIMEOUT_MS);
  });
  try {
    return await Promise.race([call, limit]);
  } finally {
    clearTimeout(late);
  }
}

function translate(method: string, error: unknown, token: string): CodedError {
  const what = `slack ${method}`;
  const { code, retryAfter, statusCode, slackCode, message } = factsOf(error);
  if (code === ErrorCode.RateLimitedError) {
    const retryAfterMs = pauseMs(retryAfter);
    return new CodedError('rate-limited', `${what}: asked to wait ${retryAfterMs / 1_000} s`, { retryAfterMs });
  }
  if (code === ErrorCode.PlatformError) return refusal(what, slackCode);
  if (code === ErrorCode.HTTPError)
    return new CodedError('notifier-unreachable', `${what}: answered HTTP ${statusCode}`);
  return new CodedError('notifier-unreachable', `${what}: no answer (${message.replaceAll(token, '[token]')})`);
}

function refusal(what: string, slackCode: string): CodedError {
  const cause = new SlackRefusal(slackCode);
  if (slackCode === 'ratelimited' || slackCode === 'rate_limited') {
    return new CodedError('rate-limited', `${what}: asked to wait`, { cause, retryAfterMs: PAUSE_DEFAULT_MS });
  }
  const fix = FIXES[slackCode];
  if (fix === undefined) return new CodedError('notifier-unreachable', `${what}: ${slackCode}`, { cause });
  return new CodedError('notifier-unreachable', `${what}: ${slackCode}: ${fix}`, {
    cause,
    retryAfterMs: PERMANENT_PAUSE_MS,
  });
}

interface Facts {
  readonly code: unknown;
  readonly retryAfter: unknown;
  readonly statusCode: number;
  readonly slackCode: string;
  readonly message: string;
}

/** The client's errors, read by shape: a second copy of the package would defeat `instanceof`. */
function factsOf(error: unknown): Facts {
  const fields = typeof error === 'object' && error !== null ? (error as Record<string, unknown>) : {};
  const answer = fields['data'] as { readonly error?: unknown } | undefined;
  const word = answer?.error;
  return {
    code: fields['code'],
    retryAfter: fields['retryAfter'],
    statusCode: numberOf(fields['statusCode']) ?? 0,
    // A proxy's page in place of an answer must not end up in a message.
    slackCode: typeof word === 'string' && /^[a-z0-9_:-]{1,80}$/u.test(word) ? word : 'an answer that is not Slack’s',
    message: error instanceof Error ? printable(error.message) : 'unknown',
  };
}

function pauseMs(seconds: unknown): number {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds <= 0) return PAUSE_DEFAULT_MS;
  return Math.min(seconds * 1_000, PAUSE_MAX_MS);
}
