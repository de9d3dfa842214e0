/**
 * Where conversations are kept. A store holds texts under keys, each for a time; it never looks into them. What it cannot
 * do it says by an error: who asks decides what that means for a caller.
 */
import { hash } from 'node:crypto';
import { CodedError } from '../../domain/errors.js';

export interface ConversationStore {
  /** `null`: not there, or not any more. @throws CodedError `conversations-unreachable` */
  get(key: string): Promise<string | null>;
  /** Resolves when every gateway that shares the store can read it. @throws CodedError `conversations-unreachable` */
  put(key: string, text: string): Promise<void>;
  /** False: it was not there. @throws CodedError `conversations-unreachable` */
  delete(key: string): Promise<boolean>;
  close(): Promise<void>;
}

export interface StoreBounds {
  /** How long a text is kept after it was put, ms. */
  readonly ttlMs: number;
  /** Bytes that all texts may take; beyond that the oldest of the owner who takes most go. */
  readonly bytesMax: number;
}

/** Owners are put together in so many shares: who they are fills nothing, however many there are. */
const SHARES = 1_024;

/** The share to which a key's owner belongs. Keys say whose they are, up to their last slash. */
export function shareOf(key: string): number {
  const owner = key.slice(0, Math.max(0, key.lastIndexOf('/')));
  return hash('sha256', owner, 'buffer').readUInt32BE(0) % SHARES;
}

/** Callers hear it: a message of the system names paths and addresses, its code does not. The log gets the cause. */
export function unreachable(what: string, cause: unknown): CodedError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const why = typeof code === 'string' ? code : 'it failed';
  return new CodedError('conversations-unreachable', `${what}: ${why}`, { cause });
}
