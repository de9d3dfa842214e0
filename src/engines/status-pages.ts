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

/** OpenAI's `GET /v1/models`: the expected id where it is listed, else the first one. */
export function readModelList(page: string, expected: string): string | null {
  const list = field(parse(page), 'data');
  if (!Array.isArray(list)) return null;
  const ids = list.map((entry) => field(entry, 'id')).filter((id): id is string => typeof id === 'string');
  return ids.includes(expected) ? expected : (ids[0] ?? null);
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
