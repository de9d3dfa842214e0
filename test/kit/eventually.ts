/** Waits for a condition, with a deadline: the only way in which a test may wait. */
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;
/** What comes true takes seconds; the rest is for a machine with much else to do. */
const PATIENCE_MS = 45_000;

/** Resolves as soon as the condition holds. @throws Error naming the condition after `timeoutMs` */
export async function eventually(condition: () => boolean | Promise<boolean>, timeoutMs = PATIENCE_MS): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`did not come true in ${timeoutMs} ms: ${condition.toString()}`);
    await sleep(POLL_MS);
  }
}
