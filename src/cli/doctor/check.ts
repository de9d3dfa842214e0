/** One thing that `doctor` looked at. */
import { ERRORS } from '../../domain/errors.js';
import { printable, SENTENCE_CHARS_MAX } from '../../domain/printable.js';
import { toldError } from '../exit.js';

export interface Check {
  readonly name: string;
  /** `skipped`: it could not be looked at, for a reason that another check tells. */
  readonly state: 'ok' | 'problem' | 'skipped';
  readonly found: string;
  /** What to do; `null` when nothing is to be done. */
  readonly fix: string | null;
}

/** What is found is often what somebody else says: one printable line. */
const line = (text: string): string => printable(text, SENTENCE_CHARS_MAX);

export const ok = (name: string, found: string): Check => ({ name, state: 'ok', found: line(found), fix: null });
export const problem = (name: string, found: string, fix: string): Check => ({
  name,
  state: 'problem',
  found: line(found),
  fix,
});
export const skipped = (name: string, found: string): Check => ({
  name,
  state: 'skipped',
  found: line(found),
  fix: null,
});

/** An error as a problem, with all its lines, which are printable; what only `doctor` could tell more of gets its own fix. */
export function failed(name: string, error: unknown, fix?: string): Check {
  const told = toldError(error);
  const next = fix ?? (told.fix.includes('doctor') ? ERRORS['no-instance'].fix : told.fix);
  return { name, state: 'problem', found: told.message, fix: next };
}
