/**
 * A traffic layer that gives no answer has not said no. Whoever needs its answer waits for it, for as long as it takes:
 * people are told, and can end the wait. Time without an answer counts against nobody.
 */
import { patched } from '@temporalio/workflow';
import { ERRORS } from '../domain/errors.js';
import { newsBefore, nowMs } from './clock.js';
import { codeOf, failure, sentenceOf } from './failures.js';
import type { MoveRun } from './move-run.js';
import { untilBack } from './proxies.js';

/** A restart of a gateway is over by then; what lasts longer is worth a message in the channel. */
const BROADCAST_AFTER_MS = 60_000;

/** Whether nobody answered, which is no answer: all else was said by the layer itself. */
export function isAbsence(error: unknown): boolean {
  const code = codeOf(error);
  if (code === 'timeout') return true;
  return code !== 'cancelled' && ['transient', 'uncertain'].includes(ERRORS[code].family);
}

/**
 * The layer's answer to `ask`; `askPatiently` is the same without an end.
 * @throws what the layer itself said; `operator-aborted` or `not-approved` when a person ends the wait
 */
export async function answered<T>(run: MoveRun, ask: () => Promise<T>, askPatiently: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isAbsence(error) || !outlasts()) throw error;
    return await outlast(run, sentenceOf(error), askPatiently);
  }
}

/** False in a history of an older version, which gave up. */
export const outlasts = (): boolean => patched('outlast-absence-20261202');

export async function untilItAnswers(run: MoveRun, why: string): Promise<void> {
  const query = { service: run.plan.service };
  await outlast(run, why, async () => await untilBack.traffic('does the layer answer again?', query));
}

async function outlast<T>(run: MoveRun, why: string, ask: () => Promise<T>): Promise<T> {
  const sinceMs = nowMs();
  run.wait(`The traffic layer gives no answer (${why}). The move waits for it; nothing is undone meanwhile`);
  for (;;) {
    const outcome = await run.operator.orInterrupted(async () => await tellingLater(run, sinceMs, ask));
    if ('done' in outcome) {
      const awayMs = nowMs() - sinceMs;
      run.goOn(`The traffic layer answers again, after ${seconds(awayMs)}`);
      await mayGoOn(run, awayMs);
      return outcome.done;
    }
    if (run.operator.heard.abort !== null) throw failure('operator-aborted', 'the wait for the layer was ended');
    run.operator.takeSkip(); // nothing can be skipped: what comes next needs the layer too
    await run.operator.permits();
  }
}

/** A wait that lasts is told loudly, once. */
async function tellingLater<T>(run: MoveRun, sinceMs: number, ask: () => Promise<T>): Promise<T> {
  let isOver = false;
  const asking = ask().finally(() => (isOver = true));
  asking.catch(() => undefined); // it is awaited below, unless the wait is cancelled first
  const dueMs = sinceMs + BROADCAST_AFTER_MS;
  if (dueMs > nowMs() && !(await newsBefore(dueMs, () => isOver, 'tells that the traffic layer is still away')))
    run.story.tell(
      `Still no answer from the traffic layer after ${seconds(BROADCAST_AFTER_MS)}. The move waits for it`,
      {
        broadcast: true,
      },
    );
  return await asking;
}

/** What was decided before a long absence may be wrong after it: where the configuration says so, a person is asked. */
async function mayGoOn(run: MoveRun, awayMs: number): Promise<void> {
  const { afterAbsence, approvalTimeoutMs } = run.plan;
  if (run.isPastReturn || afterAbsence === undefined || awayMs < afterAbsence.asksFromMs) return;
  const answer = await run.operator.ask(
    `The traffic layer was away for ${seconds(awayMs)} and answers again. Go on?`,
    approvalTimeoutMs,
  );
  if (answer.kind === 'superseded') throw failure('not-approved', answer.why);
  if (answer.kind !== 'approved')
    throw failure('not-approved', `nobody said go on after the traffic layer was away for ${seconds(awayMs)}`);
}

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;
