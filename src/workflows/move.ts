/**
 * Runbook: lead a service's traffic from one set of weights to another, and back if the target is not well.
 * announce · preflight · approval · fence · warm up · ramp and verify · confirm || drain · end check · report.
 * Every choice was made in the plan; here we act, verify, go back. Past the point of no return (||) nothing is undone.
 * The guard starts one of these at a time, and it is the guard that schedules the way home afterwards. A dead source is
 * never gone back to: then the way is forward. A traffic layer that gives no answer is waited for, everywhere.
 */
import { patched } from '@temporalio/workflow';
import type { ClusterSpec } from '../domain/fleet.js';
import { withAbsent } from '../domain/merge-replicas.js';
import { judgePreflight, sameWeights, weightsText, type PreflightFacts } from '../domain/plan/judge-preflight.js';
import { retreatPath } from '../domain/plan/plan-move.js';
import { goalOf, nextTarget } from '../domain/plan/redirect.js';
import type { MoveRecord } from '../domain/move-record.js';
import type { MoveInput } from '../domain/plan/types.js';
import { codeOf, failure, hurried, sentenceOf } from './failures.js';
import { leaveSource, readBack, stay } from './leave-source.js';
import { memberOf, MoveRun } from './move-run.js';
import { answered } from './outlast.js';
import { atOnce, soon, undo, untilBack, warming } from './proxies.js';
import { ramp, shift } from './ramp.js';
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
    if (!patched('no-return-20261202')) return await leaveSource(run, saga); // as older versions did: in one piece
    await confirm(run);
  } catch (error) {
    return await goBack(run, saga, error);
  }
  run.passReturn();
  const afterwards = new Saga();
  try {
    return await leaveSource(run, afterwards);
  } catch (error) {
    return await stay(run, afterwards, error);
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
  const ordinary = async (): Promise<PreflightFacts> =>
    await answered(
      run,
      async () => await soon.preflight(title, query),
      async () => await untilBack.preflight(title, query),
    );
  return plan.profile === 'emergency'
    ? await hurried(async () => await atOnce.preflight(title, query), ordinary)
    : await ordinary();
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
  const [title, order] = [`epoch ${run.epoch}`, run.nextWrite()];
  await answered(
    run,
    async () => await soon.fence(title, order),
    async () => await untilBack.fence(title, order),
  );
}

/** Longest time for it; a move waits. */
const WARM_MS_MAX = 10_000;

/** A cold target is slow at first; a few completions open its connections and fill its caches. Its failure stops nothing. */
async function warmUp(run: MoveRun): Promise<void> {
  if (!run.plan.warm) return;
  await run.operator.permits();
  run.enter('warm up', `Warming up ${run.plan.to}`);
  try {
    const order = { ...run.nextWrite(), target: memberOf(run, run.plan.to), timeoutMs: WARM_MS_MAX };
    const { completions, prefixes, tookMs } = await warming(WARM_MS_MAX).warmUp(`warm ${run.plan.to}`, order);
    const read = prefixes === null ? `${completions} completions` : `${prefixes} prefixes`;
    const why = `warmed ${run.plan.to} with ${read} in ${Math.round(tookMs / 100) / 10} s`;
    run.note({ name: 'warm up', weights: null, verdict: 'done', why });
    run.remark(why);
  } catch (error) {
    run.note({ name: 'warm up', weights: null, verdict: 'failed', why: sentenceOf(error) });
  }
}

/**
 * What was verified is read back, and written again where it is not what the layer holds: a write that was on its way for
 * long may have come after its own repetition.
 */
async function confirm(run: MoveRun): Promise<void> {
  const goal = goalOf(run.plan);
  await run.operator.permits();
  run.enter('confirm', 'Reading back what the traffic layer holds; from then on nothing is undone');
  let state = await readBack(run, 'what does the layer hold?');
  const isAsWritten = sameWeights(state.intended, goal);
  if (!isAsWritten) state = await shift(run, `again ${weightsText(goal)}`, goal);
  run.shifted(state, goal);
  run.note({
    name: 'confirm',
    weights: state.intended,
    verdict: isAsWritten ? 'as written' : 'written again',
    why: withAbsent(`the traffic layer holds ${weightsText(state.intended)}`, state),
  });
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
    const state = await undo.shift(`back to ${weightsText(weights)}`, { ...run.nextWrite(), weights });
    run.shifted(state, goalOf(run.plan));
    run.note({ name: 'ramp back', weights: state.intended, verdict: 'written', why: null });
  }
}

const membersOf = (run: MoveRun): string[] => run.input.service.members.map((m) => m.cluster);
