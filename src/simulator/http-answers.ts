/** Small things that both HTTP servers of a simulated cluster need: bounded bodies, JSON answers, API errors. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseJson } from '../domain/outside.js';

/** A request that is answered with an error of the API, in the words of vLLM. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, type: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.type = type;
    this.headers = headers;
  }

  body(): {
    readonly error: { readonly message: string; readonly type: string; readonly param: null; readonly code: number };
  } {
    return { error: { message: this.message, type: this.type, param: null, code: this.status } };
  }
}

/** Answers with JSON. Nothing is done when the other side has gone. */
export function answerJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (res.headersSent || res.destroyed) return;
  const text = JSON.stringify(body);
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    ...headers,
  });
  res.end(text);
}

export function answerText(
  res: ServerResponse,
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, { 'content-type': contentType, 'content-length': String(Buffer.byteLength(text)) });
  res.end(text);
}

/**
 * The JSON of a request's body.
 * @throws ApiError 413 when it is longer than `bytesMax`, 400 when it is not JSON
 */
export async function readJson(req: IncomingMessage, bytesMax: number): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of req as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > bytesMax)
      throw new ApiError(413, 'BadRequestError', `the body is longer than ${String(bytesMax)} bytes`, {
        connection: 'close',
      });
    parts.push(part);
  }
  const parsed = parseJson(Buffer.concat(parts).toString('utf8'));
  if (parsed.kind === 'parsed') return parsed.value;
  throw new ApiError(400, 'BadRequestError', `the body is not valid JSON: ${parsed.why}`);
}
