/**
 * DCGM exporters as the source of `gpu` and `memory`. Both dimensions, and clusters that share a node, read the same
 * page: while it is on its way, whoever asks for it gets the same answer.
 */
import { readDcgm, type DcgmSeen } from '../engines/dcgm.js';
import { PAGE_MAX } from '../engines/prometheus.js';
import type { DcgmSource } from '../domain/fleet.js';
import { ask } from './ask.js';

export interface DcgmQuestion {
  readonly source: DcgmSource;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * All nodes of a cluster together. One bad GPU makes it unhealthy, whatever the others say; well it is only when every
 * page says so. The fullest GPU counts, and only when every page tells.
 */
export async function probeDcgm({ source, timeoutMs, signal }: DcgmQuestion): Promise<DcgmSeen> {
  const pages = await Promise.all(source.urls.map(async (url) => await share(url, timeoutMs, signal)));
  const seen = pages.map((page) => (page === null ? NOTHING : readDcgm(page, source.labels)));
  return { gpu: worstGpu(seen), memory: fullest(seen) };
}

const NOTHING: DcgmSeen = { gpu: null, memory: null };

function worstGpu(seen: readonly DcgmSeen[]): DcgmSeen['gpu'] {
  const gpus = seen.map(({ gpu }) => gpu);
  const bad = gpus.find((gpu) => gpu?.healthy === false);
  if (bad !== undefined) return bad;
  return gpus.includes(null) ? null : { healthy: true };
}

function fullest(seen: readonly DcgmSeen[]): DcgmSeen['memory'] {
  const shares = seen.flatMap(({ memory }) => (memory === null ? [] : [memory.used]));
  return shares.length < seen.length ? null : { used: Math.max(...shares) };
}

const underway = new Map<string, Promise<string | null>>();

async function share(url: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<string | null> {
  const key = `${timeoutMs} ${url}`;
  const known = underway.get(key);
  if (known !== undefined) return await known;
  const page = fetchPage(url, timeoutMs, signal).finally(() => underway.delete(key));
  underway.set(key, page);
  return await page;
}

async function fetchPage(url: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<string | null> {
  const answer = await ask({ url, timeoutMs, bytesMax: PAGE_MAX, signal });
  return 'error' in answer || answer.status !== 200 || !answer.whole ? null : answer.body;
}
