/**
 * Runbook: lead a service's traffic from one set of weights to another, and back if the target is not well.
 * announce · preflight · approval · fence · warm up · ramp and verify · drain · end check · report.
 * Every choice was made in the plan; here we act, verify, go back. The guard starts one of these at a time, and it is
 * the guard that schedules the way home afterwards. A dead source is never gone back to: then the way is forward.
 */
import { patched } from '@temporalio/workflow';
import type { ClusterSpec } from '../domain/fleet.js';
import { withAbsent } from '../domain/merge-replicas.js';
import { judgePreflight, weightsText, type PreflightFacts } from '../domain/plan/judge-preflight.js';
import { retreatPath } from '../domain/plan/plan-move.js';
import { goalOf, nextTarget } from '../domain/plan/redirect.js';
import type { MoveRecord } from '../domain/move-record.js';
import type { MoveInput } from '../domain/plan/types.js';
import { codeOf, failure, hurried, sentenceOf } from './failures.js';
import { MoveRun } from './move-run.js';
import { atOnce, draining, mutate, read, undo, warming } from './proxies.js';
import { ramp } from './ramp.js';
import { Saga } from './saga.js';

export async function move(input: MoveInput): Promise<MoveRecord> {
  const run = new MoveRun(input); // installs the operator's verbs and opens the story, before the first await
  const saga = new Saga();
  try {
    await preflight(run);
    await approval(run);
    await fence(run);
    await warmUp(run);
    saga.goBackBy('return the traffic', async () => await returnTraffic(run));
    await ramp(run);
    saga.goBackBy('take the source back in', async () => await undrain(run));
    await drain(run);
    return await endCheck(run);
  } catch (error) {
    return await goBack(run, saga, error);
  }
}

/** The target must answer a real completion, serve the right model and have room; else the next one is asked. */
async function preflight(run: MoveRun): Promise<void> {
  /** Targets that answer but are in doubt: the last resort. */
  const doubted = new Set<string>();
  for (;;) {
    const { plan, input } = run;
    run.enter('preflight', `${input.attribution.by}: ${input.cause}. Preflight of ${plan.to}`);
    const target = memberOf(run, plan.to);
    const facts = await lookAt(run, target);
    run.before ??= facts.layer;
    const fresh = { ...plan, alternatives: plan.alternatives.filter((name) => !doubted.has(name)) };
    const sight = { witness: input.witness, members: membersOf(run), illBefore: input.illBefore };
    const { blockers, concerns, onlyDoubted } = judgePreflight(facts, fresh, sight);
    run.note({
      name: 'preflight',
      weights: facts.layer.effective,
      verdict: blockers.length > 0 ? 'blocked' : 'fit',
      why: [...blockers, ...concerns].join('; ') || facts.completion.why,
    });
    if (blockers.length === 0) return await raiseConcerns(run, concerns);
    if (onlyDoubted) doubted.add(plan.to);
    const next = plan.kind === 'failover' ? nextTarget(plan, { keep: onlyDoubted, down: [...run.down] }) : null;
    if (next === null) throw failure('preflight-blocked', blockers.join('; '));
    run.story.tell(`${blockers.join('; ')}. Next target: ${next.to}`);
    run.plan = next;
  }
}

async function lookAt(run: MoveRun, target: ClusterSpec): Promise<PreflightFacts> {
  const { plan, input } = run;
  const query = {
    service: plan.service,
    target,
    profile: plan.profile,
    doubtful: input.witness === 'probes' ? membersOf(run) : [],
    provenAtMs: plan.to === input.plan.to ? input.targetProvenAtMs : null,
  };
  const title = `is ${plan.to} fit?`;
  return plan.profile === 'emergency'
    ? await hurried(
        async () => await atOnce.preflight(title, query),
        async () => await read.preflight(title, query),
      )
    : await read.preflight(title, query);
}

/** An emergency goes on and says so; anything else asks a person. */
async function raiseConcerns(run: MoveRun, concerns: readonly string[]): Promise<void> {
  if (concerns.length === 0) return;
  if (run.plan.profile === 'emergency') return run.story.tell(`Going on all the same: ${concerns.join('; ')}`);
  await mustApprove(run, `Go on? ${concerns.join('; ')}`);
}

async function approval(run: MoveRun): Promise<void> {
  if (run.plan.approval === 'none') return;
  run.enter(
    'approval',
    `Asking for a yes, for ${Math.round(run.plan.approvalTimeoutMs / 60_000)} min; without one nothing is done`,
  );
  const { kind, from, to } = run.plan;
  await mustApprove(run, `${kind} ${from.join(', ')} → ${to}? ${run.input.cause}`);
}

/** No answer is a no: the default never changes anything. */
async function mustApprove(run: MoveRun, question: string): Promise<void> {
  const answer = await run.operator.ask(question, run.plan.approvalTimeoutMs);
  if (answer.kind === 'approved') {
    return run.note({
      name: 'approval',
      weights: null,
      verdict: 'approved',
      why: `${answer.who.by} ${answer.who.reason}`.trim(),
    });
  }
  if (answer.kind === 'superseded') throw failure('not-approved', answer.why);
  if (answer.kind === 'timeout') throw failure('not-approved', 'nobody said yes in time');
  throw failure('not-approved', `${answer.who.by} said no${answer.who.reason === '' ? '' : `: ${answer.who.reason}`}`);
}

/** From here on a writer with an older epoch is refused by the layer itself. In an emergency the first weight fences. */
async function fence(run: MoveRun): Promise<void> {
  await run.operator.permits();
  if (run.plan.profile === 'emergency') return;
  await mutate.fence(`epoch ${run.fence.epoch}`, run.fence);
}

/** Longest time for it; a move waits. */
const WARM_MS_MAX = 10_000;

/** A cold target is slow at first; a few completions open its connections and fill its caches. Its failure stops nothing. */
async function warmUp(run: MoveRun): Promise<void> {
  if (!run.plan.warm) return;
  await run.operator.permits();
  run.enter('warm up', `Warming up ${run.plan.to}`);
  try {
    const order = { ...run.fence, target: memberOf(run, run.plan.to), timeoutMs: WARM_MS_MAX };
    const { completions, prefixes, tookMs } = await warming(WARM_MS_MAX).warmUp(`warm ${run.plan.to}`, order);
    const read = prefixes === null ? `${completions} completions` : `${prefixes} prefixes`;
    const why = `warmed ${run.plan.to} with ${read} in ${Math.round(tookMs / 100) / 10} s`;
    run.note({ name: 'warm up', weights: null, verdict: 'done', why });
    run.remark(why);
  } catch (error) {
    run.note({ name: 'warm up', weights: null, verdict: 'failed', why: sentenceOf(error) });
  }
}

/** No new work for the sources; waits until nothing runs there. What is left at the deadline is named, not cut. */
async function drain(run: MoveRun): Promise<void> {
  const leaving = run.plan.from.filter((name) => (goalOf(run.plan)[name] ?? 0) === 0);
  for (const name of leaving) {
    await run.operator.permits();
    run.enter(`drain ${name}`, `Draining ${name}: no new work, running requests end`);
    const { drainTimeoutMs: timeoutMs, rehome } = run.plan;
    const order = { ...run.fence, cluster: memberOf(run, name), rehome, timeoutMs };
    const outcome = await run.operator.orInterrupted(
      async () => await draining(timeoutMs).drain(`drain ${name}`, order),
    );
    if ('done' in outcome) {
      const { left, tookMs } = outcome.done;
      const why =
        left === 0
          ? `empty after ${tookMs} ms`
          : `${left} requests left after ${tookMs} ms; they may end by themselves`;
      run.note({ name: `drain ${name}`, weights: null, verdict: left === 0 ? 'empty' : 'deadline', why });
    } else {
      const skip = run.operator.takeSkip();
      if (skip !== null) run.note({ name: `drain ${name}`, weights: null, verdict: 'skipped', why: `by ${skip.by}` });
      else await run.operator.permits();
    }
    await endDrain(run, name, 'done' in outcome && rehome);
  }
}

/**
 * A drain is for emptying and ends with the move; weight 0 stays. A cluster that was left is better than nothing when all
 * others fail, before anybody can decide; so its failure stops nothing. `always`: as before drain-ends-20261126.
 */
async function endDrain(run: MoveRun, cluster: string, always: boolean): Promise<void> {
  const stays = run.plan.keepDrained?.includes(cluster) === true;
  if (!always && (stays || !patched('drain-ends-20261126'))) return;
  try {
    await mutate.undrain(`${cluster} keeps weight 0`, { ...run.fence, cluster });
  } catch (error) {
    if (codeOf(error) === 'stale-epoch') throw error;
    run.note({ name: `drain ${cluster}`, weights: null, verdict: 'stays drained', why: sentenceOf(error) });
  }
}

/** What the data plane really does, last word before the report. */
async function endCheck(run: MoveRun): Promise<MoveRecord> {
  run.enter('end check', 'Reading the end state back from the traffic layer');
  const state = await read.traffic('end state', { service: run.plan.service });
  run.after = state;
  run.weights = state.intended;
  const expected = goalOf(run.plan);
  const serves = `${run.plan.to} serves ${Math.round(state.effective[run.plan.to] ?? 0)} % (${weightsText(state.effective)})`;
  const why = withAbsent(serves, state);
  const holds = (state.effective[run.plan.to] ?? 0) >= (expected[run.plan.to] ?? 0) - 1;
  run.note({ name: 'end check', weights: state.effective, verdict: holds ? 'holds' : 'drifted', why });
  return await run.end(holds ? 'done' : 'held', holds ? why : `the end state does not hold: ${why}`);
}

/** One way out for everything that went wrong: newest undo first, deaf to cancellation, and a named end. */
async function goBack(run: MoveRun, saga: Saga, error: unknown): Promise<MoveRecord> {
  const code = codeOf(error);
  const why = sentenceOf(error);
  if (code === 'stale-epoch')
    return await run.end('failed', `a newer move owns the service, nothing was undone: ${why}`);
  const endedBy = run.operator.heard.abort?.by ?? null;
  const aborted = ['operator-aborted', 'not-approved', 'cancelled'].includes(code);
  run.note({ name: aborted ? 'abort' : 'go back', weights: null, verdict: code, why });
  if (!run.touched) return await run.end(aborted ? 'aborted' : 'failed', `nothing was touched: ${why}`, endedBy);
  if (!run.canGoBack) return await run.end(aborted ? 'aborted' : 'held', staysSentence(run, why), endedBy);
  run.enter('go back', `Going back: ${why}`);
  const left = await saga.unwind();
  if (left.length > 0) return await run.end('failed', `${why}; going back failed too: ${left.join('; ')}`, endedBy);
  const back = `${why}; the traffic is back at ${weightsText(run.weights)}`;
  return await run.end(aborted ? 'aborted' : 'rolled-back', back, endedBy);
}

const staysSentence = (run: MoveRun, why: string): string =>
  `${why}; there is nothing living to go back to, the traffic stays at ${weightsText(run.weights)}`;

/** Ramps back through the steps that were taken; it does not jump. Repeatable, for its weights are absolute. */
async function returnTraffic(run: MoveRun): Promise<void> {
  for (const weights of retreatPath(run.plan, run.reached)) {
    const state = await undo.shift(`back to ${weightsText(weights)}`, { ...run.fence, weights });
    run.shifted(state, goalOf(run.plan));
    run.note({ name: 'ramp back', weights: state.intended, verdict: 'written', why: null });
  }
}

async function undrain(run: MoveRun): Promise<void> {
  for (const cluster of run.plan.from) await undo.undrain(`take ${cluster} back in`, { ...run.fence, cluster });
}

const membersOf = (run: MoveRun): string[] => run.input.service.members.map((m) => m.cluster);

function memberOf(run: MoveRun, name: string) {
  const spec = run.input.clusters[name];
  if (spec === undefined) throw failure('unknown-cluster', `${name} is not configured`);
  return spec;
}
