/** What the spans of a trace say: words of OpenTelemetry where it has them. Never text of a prompt or an answer. */
import { ownCopy } from '../own-text.js';
import type { AttemptRecord, RequestRecord } from './account.js';

/** What is not known has no attribute. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | string[] | undefined>>;

const OPERATIONS: Readonly<Record<string, string>> = {
  '/chat/completions': 'chat',
  '/responses': 'chat',
  '/completions': 'text_completion',
  '/embeddings': 'embeddings',
};

/** By the end of an API path; `undefined` where OpenTelemetry has no word for it. */
export function operationOf(path: string): string | undefined {
  const end = /\/v1(\/[a-z/]+)$/.exec(withoutQuery(path))?.[1];
  return end === undefined ? undefined : OPERATIONS[end];
}

export function requestAttributes(record: RequestRecord, finishReasons: readonly string[]): SpanAttributes {
  const { prompt, completion } = record.tokens;
  return {
    'http.request.method': record.method,
    'url.path': record.path,
    'http.response.status_code': record.status ?? undefined,
    'error.type': record.outcome === 'ok' ? undefined : record.outcome,
    'gen_ai.operation.name': operationOf(record.path),
    'gen_ai.request.model': record.model ?? undefined,
    'gen_ai.response.finish_reasons': finishReasons.length === 0 ? undefined : [...finishReasons],
    'gen_ai.usage.input_tokens': prompt ?? undefined,
    'gen_ai.usage.output_tokens': completion ?? undefined,
    'understudy.service': record.service ?? undefined,
    'understudy.continued': record.continued,
  };
}

/** How an attempt ended. `status`: of the cluster's answer, `null` when none came. */
export function attemptEndAttributes(outcome: AttemptRecord['outcome'], status: number | null): SpanAttributes {
  return { 'http.response.status_code': status ?? undefined, 'error.type': isError(outcome) ? outcome : undefined };
}

/** A stream that was handed over did not fail. */
const isError = (outcome: AttemptRecord['outcome']): boolean => outcome !== 'ok' && outcome !== 'handed-over';

/** Longest words of a caller (its path, the model that it asked for) that are noted, so that a line stays a line. */
export const WORDS_MAX = 200;

/** Without its query, which may hold anything. */
export const notedPath = (url: string): string => ownCopy(withoutQuery(url).slice(0, WORDS_MAX));

export const withoutQuery = (url: string): string => url.replace(/\?.*/s, '');
