/** What a body says, by the rule of its path: a content type never decides whether it is read. */
import type { IncomingMessage } from 'node:http';
import { isJsonType, mediaTypeOf } from '../../domain/media-type.js';
import { parseJson } from '../../domain/outside.js';

type Parsed =
  | { readonly kind: 'parsed'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly status: number; readonly message: string };

const UPLOADS =
  /^\/v1\/(?:audio\/(?:transcriptions|translations)|images\/(?:edits|variations)|files|uploads)(?:$|[/?])/;

/** Uploads pass as they are. Everywhere else a body is JSON, whatever its type says: no type is a way around a check. */
export function parseBody(req: IncomingMessage, path: string, body: Buffer): Parsed {
  const type = mediaTypeOf(req.headers['content-type']);
  const isUpload = UPLOADS.test(path) && type !== null && !isJsonType(type);
  if (body.length === 0 || isUpload) return { kind: 'parsed', value: null };
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    return { kind: 'refused', status: 415, message: `a body in ${encoding} is not understood; send it as it is` };
  }
  const parsed = parseJson(body.toString('utf8'));
  if (parsed.kind === 'parsed') return parsed;
  return { kind: 'refused', status: 400, message: `the body cannot be read: ${parsed.why}` };
}
