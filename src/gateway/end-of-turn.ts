/**
 * Gathers what is written during one turn of the event loop and writes all of it at the turn's end. Each write to a socket
 * wakes whoever waits at its other end, and waking a sleeper is most of what a small write costs: a hundred writes with
 * work between them wake a cluster a hundred times, in a row they wake it once. Seen: 150 us of processor time a request
 * became 97. While turns have one write each, it does not wait.
 */

import { faults } from './boundary.js';

/** Up to here a head and its body go out as one text: copying is cheaper than a second piece. */
export const ONE_PIECE_BYTES_MAX = 16 * 1024;

/** So many turns with one write show that there is nothing to gather. */
const QUIET_TURNS = 16;

let writes = 0;
let quietTurns = 0;
/** Emptied, never made anew: see answer-reader.ts. */
const gathered: (() => void)[] = [];

/** Runs it now, or at the end of this turn where turns have had several. */
export function atEndOfTurn(write: () => void): void {
  if (writes++ === 0) setImmediate(endTurn);
  if (quietTurns < QUIET_TURNS) gathered.push(write);
  else write();
}

/** Each is somebody else's: one that throws does not keep those behind it from going out. */
function endTurn(): void {
  quietTurns = writes > 1 ? 0 : quietTurns + 1;
  writes = 0;
  let at = 0;
  while (at < gathered.length) {
    try {
      while (at < gathered.length) gathered[at++]?.();
    } catch (error) {
      faults.caught('request', error);
    }
  }
  gathered.length = 0;
}
