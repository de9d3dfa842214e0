/** The small JSON pages that engines and their sidecars share. Whatever cannot be understood is `null`. */

function parse(page: string): unknown {
  try {
    return JSON.parse(page);
  } catch {
    return null;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** Longer than any model's id that may be expected; what is longer is another model, and evidence needs no more of it. */
const MODEL_ID_MAX = 256;

/** OpenAI's `GET /v1/models`: the expected id where it is listed, else the first one. */
export function readModelList(page: string, expected: string): string | null {
  return readIds(parse(page), expected);
}

/** `{"model_id":"…"}`, or a model list. */
export function readModelCard(page: string, expected: string): string | null {
  const body = parse(page);
  const id = field(body, 'model_id');
  return typeof id === 'string' ? id.slice(0, MODEL_ID_MAX) : readIds(body, expected);
}

function readIds(body: unknown, expected: string): string | null {
  const list = field(body, 'data');
  if (!Array.isArray(list)) return null;
  const ids = list.map((entry) => field(entry, 'id')).filter((id): id is string => typeof id === 'string');
  return ids.includes(expected) ? expected : (ids[0]?.slice(0, MODEL_ID_MAX) ?? null);
}

/** `{"status":"healthy"}` or `{"healthy":true}`, with `xid` where the driver reported one. */
export function readGpuStatus(page: string): { readonly healthy: boolean; readonly xid?: number } | null {
  const body = parse(page);
  const healthy = field(body, 'healthy') ?? statusWord(field(body, 'status'));
  if (typeof healthy !== 'boolean') return null;
  const xid = field(body, 'xid');
  return typeof xid === 'number' && Number.isFinite(xid) ? { healthy, xid } : { healthy };
}

function statusWord(status: unknown): boolean | undefined {
  return typeof status === 'string' ? status.toLowerCase() === 'healthy' : undefined;
}

/** `{"used_ratio":0.91}`. */
export function readMemoryUse(page: string): { readonly used: number } | null {
  const used = field(parse(page), 'used_ratio');
  return typeof used === 'number' && Number.isFinite(used) && used >= 0 ? { used } : null;
}
