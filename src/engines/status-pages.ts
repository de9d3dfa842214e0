/** The small JSON pages that engines and their sidecars share. Whatever cannot be understood is `null`. */

import { fieldsOf, listOf, numberOf, parseFields, textOf, type Fields } from '../domain/outside.js';

/** Longer than any model's id that may be expected; what is longer is another model, and evidence needs no more of it. */
const MODEL_ID_MAX = 256;

/** OpenAI's `GET /v1/models`: the expected id where it is listed, else the first one. */
export function readModelList(page: string, expected: string): string | null {
  return readIds(fieldsOf(parseFields(page)), expected);
}

/** `{"model_id":"…"}`, or a model list. */
export function readModelCard(page: string, expected: string): string | null {
  const body = fieldsOf(parseFields(page));
  return textOf(body['model_id'])?.slice(0, MODEL_ID_MAX) ?? readIds(body, expected);
}

function readIds({ data }: Fields, expected: string): string | null {
  const ids = (listOf(data) ?? []).map((entry) => textOf(fieldsOf(entry)['id'])).filter((id) => id !== null);
  return ids.includes(expected) ? expected : (ids[0]?.slice(0, MODEL_ID_MAX) ?? null);
}

/** `{"status":"healthy"}` or `{"healthy":true}`, with `xid` where the driver reported one. */
export function readGpuStatus(page: string): { readonly healthy: boolean; readonly xid?: number } | null {
  const { healthy: told, status, xid: code } = fieldsOf(parseFields(page));
  const healthy = told ?? (typeof status === 'string' ? status.toLowerCase() === 'healthy' : null);
  if (typeof healthy !== 'boolean') return null;
  const xid = numberOf(code);
  return xid === null ? { healthy } : { healthy, xid };
}

/** `{"used_ratio":0.91}`. */
export function readMemoryUse(page: string): { readonly used: number } | null {
  const used = numberOf(fieldsOf(parseFields(page))['used_ratio']);
  return used !== null && used >= 0 ? { used } : null;
}
