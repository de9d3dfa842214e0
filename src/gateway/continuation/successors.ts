/** Who could go on with a stream that broke off. */
import type { CannotContinue } from '../../domain/continuation/cannot-continue.js';
import type { ClusterName } from '../../domain/words.js';
import type { Member } from '../service/member.js';
import type { Transcript } from './transcript.js';

export interface Successors {
  /** Why nobody can; `null` when somebody could. */
  readonly refusal: CannotContinue | null;
  /** Those that cannot, and need not be asked. */
  readonly unfit: readonly ClusterName[];
}

export function successorsOf(from: Member, members: readonly Member[], transcript: Transcript): Successors {
  const others = members.filter((m) => m !== from && !m.drained);
  const obstacles = others.map((m) => transcript.obstacle(m, from));
  const obstacle = obstacles.includes(null) ? null : (obstacles[0] ?? 'no-cluster');
  return {
    refusal: transcript.refusal ?? obstacle,
    unfit: others.filter((_, i) => obstacles[i] !== null).map((m) => m.name),
  };
}

/** Whether leaving `from` now would not harm the caller. */
export function couldContinue(from: Member, members: readonly Member[], transcript: Transcript): boolean {
  const well = members.filter((m) => !m.ejection.out);
  return successorsOf(from, well, transcript).refusal === null;
}
