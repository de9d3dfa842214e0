/**
 * A token bucket for limits per minute: it holds one minute's worth, so a caller may spend that at once, and fills evenly.
 * Times are arguments, monotonic ms.
 */

export interface Bucket {
  /** What is left; below zero when more was taken than there was. */
  readonly level: number;
  readonly atMs: number;
}

const MINUTE_MS = 60_000;

/** A limit that is shared out may come to less than one a minute: one must still fit, or it would be none at all. */
const roomOf = (perMinute: number): number => Math.max(1, perMinute);

export const fullBucket = (perMinute: number, nowMs: number): Bucket => ({ level: roomOf(perMinute), atMs: nowMs });

/** The bucket as it is now. A limit that was lowered since takes effect at once. */
export function filled(bucket: Bucket, perMinute: number, nowMs: number): Bucket {
  const passedMs = Math.max(0, nowMs - bucket.atMs);
  return { level: Math.min(roomOf(perMinute), bucket.level + (passedMs * perMinute) / MINUTE_MS), atMs: nowMs };
}

/** The bucket after a cost. */
export const spent = (bucket: Bucket, cost: number): Bucket => ({ level: bucket.level - cost, atMs: bucket.atMs });

/** How long until one more fits, ms; 0: now. */
export const waitMs = (bucket: Bucket, perMinute: number): number =>
  bucket.level >= 1 ? 0 : ((1 - bucket.level) * MINUTE_MS) / perMinute;

/** How long until it is full, ms. */
export const fullInMs = (bucket: Bucket, perMinute: number): number =>
  ((roomOf(perMinute) - bucket.level) * MINUTE_MS) / perMinute;

/** A span as OpenAI's headers write it: `120ms`, `1.5s`, `6m0s`. */
export function spanWords(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  if (ms < MINUTE_MS) return `${Math.ceil(ms / 100) / 10}s`;
  const seconds = Math.ceil(ms / 1_000);
  return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
