/** Errors as OpenAI's clients understand them: `{"error":{"message","type","code"}}`, as an answer and inside a stream. */
import type { ServerResponse } from 'node:http';

export interface CallerError {
  readonly status: number;
  readonly type:
    | 'invalid_request_error'
    | 'upstream_error'
    | 'upstream_cut'
    | 'unavailable'
    | 'server_error'
    | 'requests'
    | 'tokens';
  /** Stable word for programs (docs/gateway.md lists them). */
  readonly code: string;
  readonly message: string;
  /** The field of the request that is meant. */
  readonly param?: string;
  /** Why, as a stable word of its own; only `cannot-continue` has one. */
  readonly reason?: string;
  /** Seconds after which a further try makes sense. */
  readonly retryAfterS?: number;
}

const bodyOf = (error: CallerError): string =>
  JSON.stringify({
    error: {
      message: error.message,
      type: error.type,
      code: error.code,
      ...(error.param && { param: error.param }),
      ...(error.reason && { reason: error.reason }),
    },
  });

/** Answer with an error. Does nothing when the caller has gone or already has an answer. */
export function sendError(res: ServerResponse, error: CallerError): void {
  if (res.headersSent || res.destroyed) return;
  const body = bodyOf(error);
  const headers: Record<string, string | number> = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  if (error.retryAfterS !== undefined) headers['retry-after'] = error.retryAfterS;
  res.writeHead(error.status, headers);
  res.end(body);
}

/** The last frame of a broken stream; the one before it must be whole. */
export const errorFrame = (error: CallerError): string => `data: ${bodyOf(error)}\n\n`;
