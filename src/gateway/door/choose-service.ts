/**
 * Which service is meant: by header, by path, by the model's name, or because there is only one. And what of the body
 * matters on the way: the model, whether it streams, how many answers, which conversation.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { ChoicesApi } from '../../domain/continuation/continued-request.js';
import type { ServiceDefinition } from '../../domain/traffic.js';
import { stringsOf } from '../../domain/json-text.js';
import { ownText } from '../own-text.js';
import { asksPlainly, onePath, PLAIN_PATH } from './safe-path.js';
import type { StreamKind } from '../request/stream-scan.js';

export interface ApiPath {
  /** First path segment, when the API's `/v1` comes after it. */
  readonly service: string | null;
  /** `/v1/…` with its query. */
  readonly path: string;
}

const API_PATH = /^(?:\/([^/?]+))?(\/v1(?:[/?].*)?)$/;

/** `null` when the URL is none of the API, or could be read as another one. */
export function apiPath(url: string): ApiPath | null {
  const plain = PLAIN_PATH.exec(url);
  if (plain !== null) return { service: plain[1] ?? null, path: plain[2] ?? '' };
  const [, service = null, path] = API_PATH.exec(onePath(url) ?? '') ?? [];
  return path === undefined || !asksPlainly(path) ? null : { service, path };
}

export interface Asked {
  readonly model: string | null;
  readonly stream: boolean;
  readonly choices: number;
  readonly key: string | null;
}

/** Longest part of a conversation's key that counts. */
const KEY_MAX = 256;

/** Beyond any engine's own limit: it refuses more, and nobody waits for them. */
const CHOICES_MAX = 1_024;

const NOTHING_ASKED: Asked = { model: null, stream: false, choices: 1, key: null };

/** What a parsed body asks for. The most exact name of a conversation wins: header, `prompt_cache_key`, `user`. */
export function askedOf(body: unknown, headers: IncomingHttpHeaders): Asked {
  const header = text(headers['x-conversation-id']);
  if (typeof body !== 'object' || body === null) return { ...NOTHING_ASKED, key: header };
  const { model, stream, n, prompt, prompt_cache_key: cacheKey, user } = body as Readonly<Record<string, unknown>>;
  const each = typeof n === 'number' && n > 1 && n <= CHOICES_MAX ? n : 1;
  // A list of prompts has one answer each; a list of numbers is one prompt in tokens.
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? Math.max(1, prompt.length) : 1;
  return {
    model: typeof model === 'string' ? model : null,
    stream: stream === true,
    choices: each * prompts,
    key: header ?? text(cacheKey) ?? text(user),
  };
}

/** Which of the two APIs whose streams carry choices; `null` when it is neither. */
export function choicesApiOf(path: string): ChoicesApi | null {
  const match = /^\/v1\/(chat\/)?completions(?:$|\?)/.exec(path);
  if (match === null) return null;
  return match[1] === undefined ? 'completions' : 'chat';
}

export function streamKindOf(path: string): StreamKind {
  if (choicesApiOf(path) !== null) return 'choices';
  return /^\/v1\/responses(?:$|\?)/.test(path) ? 'responses' : 'opaque';
}

export interface Hints {
  readonly header: string | null;
  readonly path: string | null;
  readonly model: string | null;
}

/** The service's name, or `null` when none fits. A service's own name beats a model that several may serve. */
export function chooseService(definitions: readonly ServiceDefinition[], hints: Hints): string | null {
  const named = hints.header ?? hints.path;
  if (named !== null) return definitions.find((d) => d.service === named)?.service ?? null;
  const { model } = hints;
  if (model === null) return definitions.length === 1 ? (definitions[0]?.service ?? null) : null;
  const byName = definitions.find((d) => d.service === model);
  return (byName ?? definitions.find((d) => d.members.some((m) => m.model === model)))?.service ?? null;
}

/** Whether the model's name stands for the service, so that each cluster gets its own; an adapter's name stays. */
export function standsForService(definition: ServiceDefinition, model: string): boolean {
  return definition.service === model || definition.members.some((m) => m.model === model);
}

/**
 * The body with another model id. Nothing else of it is touched: numbers which JavaScript cannot hold and the order of
 * keys, on which prefix caches may hang, stay as the caller wrote them. `body` must be JSON.
 */
export function withModel(body: Buffer, model: string): Buffer {
  // One character a byte: quotes and backslashes are never part of a longer character.
  const source = body.toString('latin1');
  const own = Buffer.from(JSON.stringify(model)).toString('latin1');
  let text = '';
  let at = 0;
  for (const { from, to } of stringsOf(source, 'model')) {
    text += source.slice(at, from) + own;
    at = to;
  }
  return Buffer.from(text + source.slice(at), 'latin1');
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? ownText(value, KEY_MAX) : null;
}
