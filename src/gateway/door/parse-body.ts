/** What a body says, by the rule of its path: a content type never decides whether it is read. */
import type { IncomingMessage } from 'node:http';
import { isJsonType, mediaTypeOf } from '../../domain/media-type.js';
import { modelOfForm, type NamedModel } from './form-model.js';
import { parseJson } from '../../domain/outside.js';

type Parsed =
  /** `form`: where the model stands in a form that was uploaded; `null`: it is none, or names none. */
  | { readonly kind: 'parsed'; readonly value: unknown; readonly form: NamedModel | null }
  | { readonly kind: 'refused'; readonly status: number; readonly message: string };

const NOTHING: Parsed = { kind: 'parsed', value: null, form: null };
const FORM = 'multipart/form-data';
const URL_ENCODED = 'application/x-www-form-urlencoded';
const UPLOADS =
  /^\/v1\/(?:audio\/(?:transcriptions|translations)|images\/(?:edits|variations)|files|uploads)(?:$|[/?])/;

/**
 * Of uploads the model is read, the rest passes as it is. Everywhere else a body is JSON, whatever its type says: no type is
 * a way around a check.
 */
export function parseBody(req: IncomingMessage, path: string, body: Buffer): Parsed {
  const type = mediaTypeOf(req.headers['content-type']);
  if (body.length === 0) return NOTHING;
  if (UPLOADS.test(path) && type !== null && !isJsonType(type) && type !== URL_ENCODED)
    return type === FORM ? parseForm(req.headers['content-type'] ?? '', body) : NOTHING;
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    return { kind: 'refused', status: 415, message: `a body in ${encoding} is not understood; send it as it is` };
  }
  const parsed = parseJson(body.toString('utf8'));
  if (parsed.kind === 'parsed') return { kind: 'parsed', value: parsed.value, form: null }; // spread, it would cost as much as the parsing
  return { kind: 'refused', status: 400, message: `the body cannot be read: ${parsed.why}` };
}

function parseForm(contentType: string, body: Buffer): Parsed {
  const found = modelOfForm(contentType, body);
  if (found.kind === 'unclear')
    return { kind: 'refused', status: 400, message: `the form cannot be read: ${found.why}` };
  if (found.kind === 'unnamed') return NOTHING;
  return { kind: 'parsed', value: { model: found.model }, form: found };
}
