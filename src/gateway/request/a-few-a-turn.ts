/**
 * When a cluster dies, all that ran there goes elsewhere in one turn of the event loop. Would all of it be asked for in that
 * turn, the first request could not leave before the last one was made, and the cluster that takes over would wait
 * meanwhile. So a few go a turn, broken streams first: their callers see the gap, the others wait for an answer anyway.
 * What goes alone never waits.
 */
const A_TURN = 4;

let passed = 0;
let isTurning = false;
const streams: (() => void)[] = [];
const others: (() => void)[] = [];

/** Resolves when it is this one's turn, in the order in which they came; `null`: at once. `begun`: its caller has a part. */
export function aFewATurn({ begun }: { readonly begun: boolean }): Promise<void> | null {
  if (!isTurning) {
    isTurning = true;
    setImmediate(nextTurn);
  }
  if (passed < A_TURN) {
    passed++;
    return null;
  }
  return new Promise((resolve) => (begun ? streams : others).push(resolve));
}

function nextTurn(): void {
  const next = streams.splice(0, A_TURN);
  next.push(...others.splice(0, A_TURN - next.length));
  passed = next.length;
  isTurning = next.length > 0;
  if (isTurning) setImmediate(nextTurn);
  for (const pass of next) pass();
}
