/**
 * The rest of a move, past the point of no return: drain the source, see the end. Nothing that has moved is undone here,
 * whatever fails; a traffic layer that gives no answer is waited for.
 */
import { patched } from '@temporalio/workflow';
import { withAbsent } from '../domain/merge-replicas.js';
import type { MoveRecord } from '../domain/move-record.js';
import { weightsText } from '../domain/plan/judge-preflight.js';
import { goalOf } from '../domain/plan/redirect.js';
import type { TrafficState } from '../domain/traffic.js';
import type { ClusterName } from '../domain/words.js';
import { codeOf, sentenceOf } from './failures.js';
import { memberOf, type MoveRun } from './move-run.js';
import { answered, isAbsence, untilItAnswers } from './outlast.js';
import { draining, soon, undo, untilBack } from './proxies.js';
import type { Saga } from './saga.js';

export async function leaveSource(run: MoveRun, saga: Saga): Promise<MoveRecord> {
  saga.goBackBy('take the source back in', async () => await undrain(run)); // its weight stays
  await drain(run);
  return await endCheck(run);
}

/** No new work for the sources; waits until nothing runs there. What is left at the deadline is named, not cut. */
async function drain(run: MoveRun): Promise<void> {
  const leaving = run.plan.from.filter((name) => (goalOf(run.plan)[name] ?? 0) === 0);
  for (const name of leaving) {
    await run.operator.permits();
    run.enter(`drain ${name}`, `Draining ${name}: no new work, running requests end`);
    const isOver = await drainOne(run, name);
    await endDrain(run, name, isOver && run.plan.rehome);
  }
}

/** Whether it ended by itself, and not by a person's word or an error. */
async function drainOne(run: MoveRun, name: ClusterName): Promise<boolean> {
  const note = (verdict: string, why: string): void => run.note({ name: `drain ${name}`, weights: null, verdict, why });
  try {
    const outcome = await untilEmpty(run, name);
    if ('done' in outcome) {
      const { left, tookMs } = outcome.done;
      if (left === 0) note('empty', `empty after ${tookMs} ms`);
      else note('deadline', `${left} requests left after ${tookMs} ms; they may end by themselves`);
      return true;
    }
    const skip = run.operator.takeSkip();
    if (skip !== null) note('skipped', `by ${skip.by}`);
    else await run.operator.permits();
    const { abort } = run.operator.heard;
    if (abort !== null) note('ended', `by ${abort.by}; requests that still run there end by themselves`);
  } catch (error) {
    if (!run.isPastReturn || ['stale-epoch', 'cancelled', 'operator-aborted'].includes(codeOf(error))) throw error;
    note('failed', sentenceOf(error));
  }
  return false;
}

async function untilEmpty(run: MoveRun, name: ClusterName) {
  const { drainTimeoutMs: timeoutMs, rehome } = run.plan;
  const order = { ...run.nextWrite(), cluster: memberOf(run, name), rehome, timeoutMs };
  for (;;) {
    try {
      return await run.operator.orInterrupted(async () => await draining(timeoutMs).drain(`drain ${name}`, order));
    } catch (error) {
      if (!run.isPastReturn || !isAbsence(error)) throw error;
      await untilItAnswers(run, sentenceOf(error));
    }
  }
}

/**
 * A drain is for emptying and ends with the move; weight 0 stays. A cluster that was left is better than nothing when all
 * others fail, before anybody can decide; so its failure stops nothing. `always`: as before drain-ends-20261126.
 */
async function endDrain(run: MoveRun, cluster: string, always: boolean): Promise<void> {
  const stays = run.plan.keepDrained?.includes(cluster) === true;
  if (!always && (stays || !patched('drain-ends-20261126'))) return;
  const [title, order] = [`${cluster} keeps weight 0`, { ...run.nextWrite(), cluster }];
  try {
    await answered(
      run,
      async () => await soon.undrain(title, order),
      async () => await untilBack.undrain(title, order),
    );
  } catch (error) {
    if (['stale-epoch', 'cancelled', 'operator-aborted'].includes(codeOf(error))) throw error;
    run.note({ name: `drain ${cluster}`, weights: null, verdict: 'stays drained', why: sentenceOf(error) });
  }
}

/** What the data plane really does, last word before the report. */
async function endCheck(run: MoveRun): Promise<MoveRecord> {
  run.enter('end check', 'Reading the end state back from the traffic layer');
  const state = await readBack(run, 'end state');
  run.after = state;
  run.weights = state.intended;
  const expected = goalOf(run.plan);
  const serves = `${run.plan.to} serves ${Math.round(state.effective[run.plan.to] ?? 0)} % (${weightsText(state.effective)})`;
  const why = withAbsent(serves, state);
  const holds = (state.effective[run.plan.to] ?? 0) >= (expected[run.plan.to] ?? 0) - 1;
  run.note({ name: 'end check', weights: state.effective, verdict: holds ? 'holds' : 'drifted', why });
  const endedBy = run.operator.heard.abort?.by ?? null;
  return await run.end(holds ? 'done' : 'held', holds ? why : `the end state does not hold: ${why}`, endedBy);
}

/** What the traffic layer holds, as soon as it says so. */
export async function readBack(run: MoveRun, title: string): Promise<TrafficState> {
  const query = { service: run.plan.service };
  return await answered(
    run,
    async () => await soon.traffic(title, query),
    async () => await untilBack.traffic(title, query),
  );
}

/** The way out from here: what was drained is taken in again, and the traffic stays where it was seen to be well. */
export async function stay(run: MoveRun, saga: Saga, error: unknown): Promise<MoveRecord> {
  const code = codeOf(error);
  const why = sentenceOf(error);
  if (code === 'stale-epoch') return await run.end('failed', `a newer move owns the service: ${why}`);
  const isByPerson = code === 'operator-aborted' || code === 'cancelled';
  run.note({ name: 'stay', weights: null, verdict: code, why });
  const left = await saga.unwind();
  const sentence = [`${run.plan.to} serves, as verified and read back; the end was not seen: ${why}`, ...left].join(
    '; ',
  );
  return await run.end(isByPerson ? 'done' : 'held', sentence, run.operator.heard.abort?.by ?? null);
}

async function undrain(run: MoveRun): Promise<void> {
  for (const cluster of run.plan.from) await undo.undrain(`take ${cluster} back in`, { ...run.nextWrite(), cluster });
}
