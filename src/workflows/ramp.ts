/**
 * The ramp of a move: for each step shift, watch, judge. `proceed` goes on, `ask` asks a person, `abort` ends the ramp:
 * back if the source lives, else on to the next target, else everything to the least bad and a person is called.
 */
import { patched } from '@temporalio/workflow';
import { withAbsent } from '../domain/merge-replicas.js';
import { gainingClusters } from '../domain/plan/plan-move.js';
import { judgeStep, type StepVerdict } from '../domain/plan/judge-step.js';
import { weightsText } from '../domain/plan/judge-preflight.js';
import { goalOf, redirectPlan } from '../domain/plan/redirect.js';
import type { PlanStep } from '../domain/plan/types.js';
import type { TrafficState } from '../domain/traffic.js';
import type { Weights } from '../domain/words.js';
import { codeOf, failure, hurried, sentenceOf } from './failures.js';
import type { MoveRun } from './move-run.js';
import { answered, isAbsence, outlasts, untilItAnswers } from './outlast.js';
import { atOnce, soon, untilBack, watching } from './proxies.js';

export async function ramp(run: MoveRun): Promise<void> {
  for (;;) {
    const rejected = await climb(run);
    if (rejected === null) return;
    if (run.canGoBack) throw failure('canary-rejected', rejected);
    const next = redirectPlan(run.plan, run.weights, [...run.down]);
    if (next === null) return await hold(run, rejected);
    run.story.tell(
      `${run.plan.to} failed its verification (${rejected}) and the source is down. Next target: ${next.to}`,
    );
    run.plan = next;
  }
}

/** An earlier move may have drained the cluster that takes over now: without this its weight would stay without effect. */
async function takeIn(run: MoveRun): Promise<void> {
  for (const cluster of gainingClusters(run.plan.start, goalOf(run.plan))) {
    if (run.before?.clusters[cluster]?.drained !== true) continue;
    const [title, order] = [`take ${cluster} back in`, { ...run.nextWrite(), cluster }];
    await answered(
      run,
      async () => await soon.undrain(title, order),
      async () => await untilBack.undrain(title, order),
    );
  }
}

/** @returns why the target was rejected, or null when it carries all that it should. */
async function climb(run: MoveRun): Promise<string | null> {
  await takeIn(run);
  for (const [index, step] of run.plan.steps.entries()) {
    await run.operator.permits();
    const lost = whyLost(run);
    if (lost !== null) return lost;
    run.enter(`ramp ${step.name}`, `${step.name} to ${run.plan.to}: ${weightsText(step.weights)}`);
    run.touched = true; // Before the write: one whose answer was lost has happened.
    run.reached = index;
    const written = await write(run, step);
    run.shifted(written, goalOf(run.plan));
    const verdict = await verify(run, step, written);
    const because = withAbsent(verdict.because, written);
    run.note({ name: `ramp ${step.name}`, weights: written.intended, verdict: verdict.kind, why: because });
    if (verdict.kind === 'abort') return verdict.because;
    run.recovered();
  }
  return null;
}

/** A target that went down while a person was waited for gets no more; others see it in the step's own evidence. */
function whyLost(run: MoveRun): string | null {
  const lost = run.lostTargets;
  return lost.length === 0 || !patched('yield-20261202') ? null : `${lost.join(', ')} went down`;
}

/** The first weight of an emergency goes the short way: nothing may delay it. */
async function write(run: MoveRun, step: PlanStep): Promise<TrafficState> {
  const title = weightsText(step.weights);
  const ordinary = async (): Promise<TrafficState> => await shift(run, title, step.weights);
  if (run.plan.profile !== 'emergency' || run.reached > 0) return await ordinary();
  const order = { ...run.nextWrite(), weights: step.weights };
  return await hurried(async () => await atOnce.shift(title, order), ordinary);
}

/** Absolute weights, written until the layer answers with what it holds. */
export async function shift(run: MoveRun, title: string, weights: Weights): Promise<TrafficState> {
  const order = { ...run.nextWrite(), weights };
  return await answered(
    run,
    async () => await soon.shift(title, order),
    async () => await untilBack.shift(title, order),
  );
}

type Decided = Exclude<StepVerdict, { kind: 'wait' | 'ask' }>;

/** Watches the step until it is decided, by its gate or by a person. A pause begins the watch anew. */
async function verify(run: MoveRun, step: PlanStep, baseline: TrafficState): Promise<Decided> {
  for (;;) {
    const seen = await run.operator.orInterrupted(async () => await watch(run, step, baseline));
    if ('interrupted' in seen) {
      const skip = run.operator.takeSkip();
      if (skip !== null) return { kind: 'proceed', because: `skipped by ${skip.by}` };
      await run.operator.permits();
      const lost = whyLost(run);
      if (lost !== null) return { kind: 'abort', because: lost };
      continue;
    }
    const verdict = seen.done;
    // Time in which nothing could be seen does not count: the step is watched from its beginning.
    if (verdict.kind === 'unseen') await untilItAnswers(run, verdict.because);
    if (verdict.kind === 'wait' || verdict.kind === 'unseen') continue;
    if (verdict.kind !== 'ask') return verdict;
    return await askToGoOn(run, step, verdict.because);
  }
}

async function watch(
  run: MoveRun,
  step: PlanStep,
  baseline: TrafficState,
): Promise<StepVerdict | { readonly kind: 'unseen'; readonly because: string }> {
  const targets = gainingClusters(run.plan.start, step.weights).flatMap((name) => run.input.clusters[name] ?? []);
  try {
    const evidence = await watching(step.gate.deadlineMs).watchStep(`watch ${step.name}`, {
      service: run.plan.service,
      targets,
      step,
      baseline,
    });
    return judgeStep(evidence, step.gate);
  } catch (error) {
    if (codeOf(error) === 'cancelled') throw error;
    const because = `nothing could be seen of the step: ${sentenceOf(error)}`;
    if (step.gate.undecided === 'ask' && isAbsence(error) && outlasts()) return { kind: 'unseen', because };
    return step.gate.undecided === 'proceed' ? { kind: 'proceed', because } : { kind: 'ask', because };
  }
}

async function askToGoOn(run: MoveRun, step: PlanStep, because: string): Promise<Decided> {
  const answer = await run.operator.ask(`${step.name} is undecided: ${because}. Go on?`, run.plan.approvalTimeoutMs);
  if (answer.kind === 'approved') return { kind: 'proceed', because: `${because}; ${answer.who.by} said go on` };
  if (answer.kind === 'superseded') throw failure('not-approved', answer.why);
  const who = answer.kind === 'declined' ? `${answer.who.by} said no` : 'nobody said go on';
  return { kind: 'abort', because: `${because}; ${who}` };
}

/** Source down, target not well, nobody else: all of it to the target, for something is better than nothing. */
async function hold(run: MoveRun, rejected: string): Promise<void> {
  const goal = goalOf(run.plan);
  const state = await shift(run, `hold at ${weightsText(goal)}`, goal);
  run.shifted(state, goal);
  run.note({ name: 'hold', weights: state.intended, verdict: 'held', why: rejected });
  throw failure(
    'no-target',
    `${run.plan.to} failed its verification (${rejected}), the source is down and no other cluster is well`,
  );
}
