/**
 * When a cluster dies, all that ran there goes elsewhere in one turn of the event loop. Would all of it be asked for in that
 * turn, the first request could not leave before the last one was made, and the cluster that takes over would wait
 * meanwhile. So a few go a turn, the rests of broken streams first, for their callers see the gap. Then what counts the
 * tokens of their beginnings, which is needed when the rests arrive; then the others, who wait for an answer anyway.
 */
const A_TURN = 4;

let passed = 0;
let isTurning = false;
const rests: (() => void)[] = [];
const counts: (() => void)[] = [];
const wholes: (() => void)[] = [];

/** For the rest of an answer, in the order in which they come; `null`: it is its turn. What comes alone never waits. */
export function turnOfRest(): Promise<void> | null {
  keepTurning();
  if (passed < A_TURN) {
    passed++;
    return null;
  }
  return waitIn(rests);
}

/** For the tokens of a beginning: after all rests that have come by the end of this turn of the event loop. */
export function turnOfCount(): Promise<void> {
  keepTurning();
  return waitIn(counts);
}

/** For an answer of which nothing was said: after those rests and counts. */
export function turnOfWhole(): Promise<void> {
  keepTurning();
  return waitIn(wholes);
}

function waitIn(queue: (() => void)[]): Promise<void> {
  return new Promise((resolve) => queue.push(resolve));
}

function keepTurning(): void {
  if (isTurning) return;
  isTurning = true;
  setImmediate(nextTurn);
}

function nextTurn(): void {
  const next: (() => void)[] = [];
  for (const queue of [rests, counts, wholes]) next.push(...queue.splice(0, A_TURN - next.length));
  passed = next.length;
  isTurning = next.length > 0;
  if (isTurning) setImmediate(nextTurn);
  for (const pass of next) pass();
}
