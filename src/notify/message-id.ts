/** Names for messages that come out the same on every attempt, in every process: the ground of "never told twice". */
import { createHash } from 'node:crypto';

/** Any fixed UUID does; another one would give every message of every story a new id. */
const NAMESPACE = Buffer.from('6f0c8b5e3a7d4c1b9e2f5a8d7c4b1e90', 'hex');

/** Key of a story's message as it travels in metadata and idempotency headers, e.g. `story/move/chat/7#3`. */
export function messageKey(story: string, part: string): string {
  return `${story}#${part}`;
}

/** The UUID (version 5: SHA-1 of namespace and name, RFC 9562) of a message key. */
export function messageUuid(key: string): string {
  const bytes = createHash('sha1').update(NAMESPACE).update(key, 'utf8').digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** A short fingerprint of plain JSON: equal renderings have equal fingerprints, and it is cheap to carry. */
export function fingerprint(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 22);
}
