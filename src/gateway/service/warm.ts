/** Has a cluster read the hottest beginnings of prompts, with one token each, so that callers who come do not wait for it. */
import type { ChoicesApi } from '../../domain/continuation/continued-request.js';
import { askMember } from './ask-member.js';
import type { HotPrefixes } from './hot-prefixes.js';
import type { Member } from './member.js';

/** A few at a time: reading prompts is work, and the cluster may serve others already. */
const AT_ONCE = 4;
/** One token, and what some engines tell around it. */
const ANSWER_BYTES_MAX = 1024 * 1024;
const PATHS: Readonly<Record<ChoicesApi, string>> = { chat: '/v1/chat/completions', completions: '/v1/completions' };

export interface Warmed {
  /** Beginnings that the cluster has read. */
  readonly prefixes: number;
  readonly failed: number;
  readonly tookMs: number;
}

/** Ends after `timeoutMs` whatever is missing then. What fails is counted, never thrown. */
export async function warm(
  member: Member,
  hot: HotPrefixes,
  { max, timeoutMs }: { readonly max: number; readonly timeoutMs: number },
): Promise<Warmed> {
  const startedAtMs = performance.now();
  const leftMs = (): number => startedAtMs + timeoutMs - performance.now();
  const left = [...hot.replays(max)];
  const counts = { prefixes: 0, failed: 0 };
  const read = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined && leftMs() > 0; next = left.shift()) {
      const ok = await readOne(member, PATHS[next.api], next.body, leftMs());
      counts[ok ? 'prefixes' : 'failed']++;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, read));
  return { ...counts, tookMs: Math.round(performance.now() - startedAtMs) };
}

/** Processes of one gateway have mostly the same beginnings, so the most that one of them had read is what was read. */
export function mergeWarmed(parts: readonly Warmed[]): Warmed {
  const most = (pick: (part: Warmed) => number): number => Math.max(0, ...parts.map(pick));
  return { prefixes: most((p) => p.prefixes), failed: most((p) => p.failed), tookMs: most((p) => p.tookMs) };
}

async function readOne(
  member: Member,
  path: string,
  body: Readonly<Record<string, unknown>>,
  timeoutMs: number,
): Promise<boolean> {
  try {
    const json = { ...body, model: member.model };
    const { status } = await askMember(member, path, { json, bytesMax: ANSWER_BYTES_MAX, timeoutMs });
    return status === 200;
  } catch {
    return false;
  }
}
