/** Follows a move to its end through its guard, over restarts of everything in between. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../domain/errors.js';
import type { GuardView } from '../domain/guard/view.js';
import type { MoveRecord } from '../domain/move-record.js';
import type { Control } from './control.js';
import { readGuardAtStep } from './guards.js';
import { readHistory } from './history.js';

export type MoveProgress =
  | { readonly kind: 'step'; readonly step: string; readonly state: string; readonly question: string | null }
  /** Nobody answers at the moment; the move itself goes on or waits. */
  | { readonly kind: 'silence'; readonly why: string };

export interface WaitOptions {
  /** Ends the waiting, never the move. */
  readonly signal?: AbortSignal;
  readonly pollMs?: number;
  /** How long nobody may answer before the waiting is given up, ms. */
  readonly silenceMsMax?: number;
}

/** A step takes seconds; a query takes milliseconds. */
const POLL_MS = 300;
const SILENCE_MS_MAX = 10 * 60_000;
/** Between "it no longer runs" and its record in the history lies one workflow task. */
const RECORD_MS_MAX = 15_000;

/**
 * Waits until the move with this id (`move/<service>/<epoch>`) has ended. `onProgress` hears every change once.
 * @throws CodedError `no-move` when there is no trace of it, `no-worker` or `temporal-unreachable` after a long
 *   silence; the signal's reason when it was aborted
 */
export async function waitForMove(
  control: Control,
  id: string,
  onProgress: (progress: MoveProgress) => void,
  options: WaitOptions = {},
): Promise<MoveRecord> {
  const { signal, pollMs = POLL_MS, silenceMsMax = SILENCE_MS_MAX } = options;
  const service = serviceOf(id);
  const tell = changesOnly(onProgress);
  const checkPatience = patience(id, silenceMsMax);
  // Ends by the move's end, by too long a silence, or by the caller's signal.
  for (;;) {
    signal?.throwIfAborted();
    const seen = await look(control, service, id);
    if (seen.kind === 'ended') return seen.record;
    checkPatience(seen, Date.now());
    if (seen.kind === 'running') tell({ kind: 'step', ...seen.at });
    if (seen.kind === 'silent') tell({ kind: 'silence', why: seen.error.message });
    await sleep(pollMs, undefined, signal === undefined ? {} : { signal });
  }
}

/** Throws when nobody answers, or when there is no trace of the move, for too long. */
function patience(id: string, silenceMsMax: number): (seen: Seen, nowMs: number) => void {
  let answeredAtMs = Date.now();
  let goneSinceMs: number | null = null;
  return (seen, nowMs) => {
    if (seen.kind === 'silent') {
      if (nowMs - answeredAtMs > silenceMsMax) throw seen.error;
      return;
    }
    answeredAtMs = nowMs;
    goneSinceMs = seen.kind === 'gone' ? (goneSinceMs ?? nowMs) : null;
    if (goneSinceMs !== null && nowMs - goneSinceMs > RECORD_MS_MAX)
      throw new CodedError('no-move', `there is no move ${id}`);
  };
}

type Seen =
  | { readonly kind: 'ended'; readonly record: MoveRecord }
  | {
      readonly kind: 'running';
      readonly at: { readonly step: string; readonly state: string; readonly question: string | null };
    }
  | { readonly kind: 'gone' }
  | { readonly kind: 'silent'; readonly error: CodedError };

async function look(control: Control, service: string, id: string): Promise<Seen> {
  try {
    const { move }: GuardView = await readGuardAtStep(control, service);
    if (move?.id === id)
      return { kind: 'running', at: { step: move.step, state: move.state, question: move.question } };
    const record = (await readHistory(control, service)).find((m) => m.id === id);
    return record === undefined ? { kind: 'gone' } : { kind: 'ended', record };
  } catch (error) {
    if (error instanceof CodedError && error.family === 'transient') return { kind: 'silent', error };
    throw error;
  }
}

function serviceOf(id: string): string {
  const [, service] = /^move\/([^/]+)\/\d+$/.exec(id) ?? [];
  if (service === undefined)
    throw new CodedError('bad-input', `\`${id.slice(0, 128)}\` is not the id of a move, such as move/chat/7`);
  return service;
}

function changesOnly(onProgress: (progress: MoveProgress) => void): (progress: MoveProgress) => void {
  let last = '';
  return (progress) => {
    const now = JSON.stringify(progress);
    if (now !== last) onProgress(progress);
    last = now;
  };
}
