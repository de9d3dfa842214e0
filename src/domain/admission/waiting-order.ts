/** Who is served first of those that wait, and who must go when there are too many. One order decides both. */
import { PRIORITIES, type Priority } from './priority.js';

export interface Place {
  /** Its caller has been told a part of the answer already. */
  readonly begun: boolean;
  readonly priority: Priority;
  /** Rises with each request of one key that waits, so that the next one of another key is not behind all of them. */
  readonly turn: number;
  /** Number of the request among those of its service: who came first has the smaller one, also on its second try. */
  readonly arrival: number;
}

/** Below zero when `a` is served before `b`: what was begun first, then by priority, by turns of the keys, then who came first. */
export function compareWaiting(a: Place, b: Place): number {
  if (a.begun !== b.begun) return a.begun ? -1 : 1;
  const byPriority = PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority);
  if (byPriority !== 0) return byPriority;
  return a.turn === b.turn ? a.arrival - b.arrival : a.turn - b.turn;
}
