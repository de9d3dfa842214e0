/** One run of a move: what it tells, what it notes for the report, and where it stands. It decides nothing. */
import {
  CancellationScope,
  getExternalWorkflowHandle,
  patched,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';

import type { ClusterSpec } from '../domain/fleet.js';
import type { MoveEndState, MoveRecord, MoveStepRecord } from '../domain/move-record.js';
import { gainingClusters } from '../domain/plan/plan-move.js';
import { goalOf } from '../domain/plan/redirect.js';
import { reportOf, type MoveTimes } from '../domain/plan/move-report.js';
import type { MoveInput, MovePlan } from '../domain/plan/types.js';
import { inMarkdown as md } from '../domain/printable.js';
import type { StoryTone } from '../domain/story.js';
import type { TrafficState } from '../domain/traffic.js';
import type { ClusterName, Weights } from '../domain/words.js';
import { iso, nowMs } from './clock.js';
import { failure } from './failures.js';
import { faultOfVerdict } from './guard-order.js';
import { serviceGuardId } from './ids.js';
import { moveProgressSignal, moveViewQuery, type MoveView } from './messages.js';
import { openStory, type Story } from './open-story.js';
import { listenToOperator, memberVerdictSignal, type Operator } from './operator.js';
import type { WriteOf } from './ports.js';
import { STATE_KEY } from './search-attributes.js';

/** A pause longer than this goes back: everything temporary expires. */
const PAUSE_MS_MAX = 30 * 60_000;

export class MoveRun {
  readonly id: string;
  readonly service: string;
  readonly epoch: number;
  readonly operator: Operator;
  readonly story: Story;
  /** Changes when the move is redirected to another target. */
  plan: MovePlan;
  /** As last read back from the layer. */
  weights: Weights;
  /** Whether any weight was changed: from here on a retreat is due when the move fails. */
  touched = false;
  /** Index of the step that was last begun; -1 before the first. */
  reached = -1;
  /** The target was verified and read back: from here on nothing is undone. */
  isPastReturn = false;
  before: TrafficState | null = null;
  after: TrafficState | null = null;
  readonly down: Set<ClusterName>;
  readonly #steps: MoveStepRecord[] = [];
  #times: MoveTimes;
  #view: MoveView;
  #startedAtMs = nowMs();
  #guardKnowsWaiting = false;
  #writes = 0;
  #remark: string | null = null;

  constructor(readonly input: MoveInput) {
    const { plan, epoch } = input;
    this.id = workflowInfo().workflowId;
    this.service = plan.service;
    this.epoch = epoch;
    this.plan = plan;
    this.weights = plan.start;
    this.down = new Set(input.down);
    this.#times = { detectedAtMs: input.detectedAtMs, firstShiftAtMs: null, shiftedAtMs: null, recoveredAtMs: null };
    this.#view = { id: this.id, step: 'announce', state: 'running', question: null };
    // Before the handlers: words that came before the first workflow task are heard while a handler is set.
    this.story = openStory({
      about: this.id,
      head: this.#head('announced', 'running'),
      // In an emergency the first weight goes before the first word: telling costs it 50 ms on a busy machine.
      quietUntil: () => plan.profile !== 'emergency' || this.weights !== plan.start || this.#view.state !== 'running',
    });
    this.operator = listenToOperator({
      id: this.id,
      pauseMsMax: PAUSE_MS_MAX,
      onWord: (sentence, options) => this.story.tell(sentence, options),
      onState: (state, question) => this.#show({ state, question }),
    });
    setHandler(moveViewQuery, () => this.#view);
    setHandler(memberVerdictSignal, (message) => {
      // A signal sent by hand may carry anything.
      if (faultOfVerdict(message) === null) this.#hearVerdict(message.cluster, message.diagnosis.verdict);
    });
  }

  /** The place of the next write: taken once for each, whatever it takes to get it through. */
  nextWrite(): WriteOf {
    this.#writes += 1;
    return { service: this.service, epoch: this.epoch, step: this.#writes };
  }

  /** The clusters that are to gain traffic and are down by now; none: it may be raised there. */
  get lostTargets(): readonly ClusterName[] {
    return gainingClusters(this.plan.start, goalOf(this.plan)).filter((name) => this.down.has(name));
  }

  /** Whether the traffic may go back to where it was: never to a cluster that is dead or stuck by now. */
  get canGoBack(): boolean {
    const carrying = Object.keys(this.input.plan.start).filter((name) => (this.input.plan.start[name] ?? 0) > 0);
    return this.plan.canGoBack && carrying.every((name) => !this.down.has(name));
  }

  /** A new chapter: shown in the story, in Temporal's UI and, through the guard, in `status`. */
  enter(step: string, sentence: string): void {
    this.#show({ step, state: step === 'go back' ? 'going-back' : 'running', question: null });
    const text = this.#remark === null ? sentence : `${this.#remark}. ${sentence}`;
    this.#remark = null;
    this.story.tell(text, { head: this.#head(step, 'running') });
  }

  /** Nothing can be done until the traffic layer answers. */
  wait(sentence: string): void {
    this.#show({ state: 'waiting' });
    this.story.tell(sentence);
  }

  /** It does. */
  goOn(sentence: string): void {
    this.#show({ state: 'running' });
    this.story.tell(sentence);
  }

  /** Whoever aborts from now on ends the move, and no more. */
  passReturn(): void {
    this.isPastReturn = true;
    this.operator.passReturn();
  }

  /** Told with the next chapter, for it is worth no message of its own. */
  remark(sentence: string): void {
    this.#remark = sentence;
  }

  note(step: Omit<MoveStepRecord, 'at'>): void {
    this.#steps.push({ ...step, at: iso(nowMs()) });
  }

  /** Weights were written and read back; `atMs` is the layer's own clock. */
  shifted(state: TrafficState, goal: Weights): void {
    this.touched = true;
    this.weights = state.intended;
    this.after = state;
    const complete = Object.keys(goal).every(
      (name) => Math.abs((state.intended[name] ?? 0) - (goal[name] ?? 0)) < 0.01,
    );
    this.#times = {
      ...this.#times,
      firstShiftAtMs: this.#times.firstShiftAtMs ?? state.changedAtMs,
      shiftedAtMs: complete ? (this.#times.shiftedAtMs ?? state.changedAtMs) : this.#times.shiftedAtMs,
    };
  }

  /** The target was seen to serve well for the first time since the fault. */
  recovered(): void {
    this.#times = { ...this.#times, recoveredAtMs: this.#times.recoveredAtMs ?? nowMs() };
  }

  /** The last words: told, shown and returned. The story goes on by itself until everybody has heard it. */
  async end(state: MoveEndState, why: string, endedBy: string | null = null): Promise<MoveRecord> {
    this.operator.close();
    const { plan, attribution } = this.input;
    const record: MoveRecord = {
      id: this.id,
      kind: plan.kind,
      from: plan.from,
      to: this.plan.to,
      reason: attribution.reason,
      by: attribution.by,
      via: attribution.via,
      endedBy,
      state,
      why,
      startedAt: iso(this.#startedAtMs),
      endedAt: iso(nowMs()),
      steps: this.#steps,
      report: reportOf(this.#times, plan.from, this.before, this.after),
      weights: this.weights,
    };
    await CancellationScope.nonCancellable(async () => {
      this.#show({ step: state, state: 'ended', question: null });
      upsertSearchAttributes([{ key: STATE_KEY, value: state }]);
      await this.story.end(`${state}: ${why}`, this.#head(state, state === 'done' ? 'good' : 'bad'));
    });
    return record;
  }

  #hearVerdict(cluster: ClusterName, verdict: string): void {
    const isDown = verdict === 'dead' || verdict === 'stuck';
    if (isDown === this.down.has(cluster)) return;
    if (isDown) this.down.add(cluster);
    else this.down.delete(cluster);
    this.story.tell(`${cluster} is ${verdict} now`);
  }

  #show(change: Partial<MoveView>): void {
    this.#view = { ...this.#view, ...change, touched: this.touched };
    setCurrentDetails(this.#details());
    if (this.#view.state === 'asking') {
      this.story.tell(this.#view.question ?? '', {
        broadcast: true,
        head: this.#head('waiting for a person', 'question'),
      });
    }
    this.#tellGuard();
  }

  /** A guard need only know whether a person is waited for: such a move can still give way. Steps are for those who query. */
  #tellGuard(): void {
    const { state } = this.#view;
    const waits = state === 'asking' || (state === 'paused' && patched('tell-pauses-20261202'));
    if (waits === this.#guardKnowsWaiting || state === 'ended') return;
    this.#guardKnowsWaiting = waits;
    getExternalWorkflowHandle(serviceGuardId(this.service))
      .signal(moveProgressSignal, this.#view)
      .catch(() => undefined); // A guard that is gone needs to know nothing.
  }

  #details(): string {
    const lines = this.#steps.map((s) => `- ${s.at} **${md(s.name)}** ${s.verdict ?? ''} ${md(s.why ?? '')}`);
    const question = this.#view.question === null ? '' : `\n\n**Question:** ${md(this.#view.question)}`;
    return `**${md(this.#view.step)}** (${this.#view.state})${question}\n\n${md(this.input.cause)}\n\n${lines.join('\n')}`;
  }

  #head(state: string, tone: StoryTone) {
    const { service, kind, from } = this.input.plan;
    const { to } = this.plan;
    const next = {
      running: [`understudy watch ${service}`, `understudy abort ${service}`],
      question: [`understudy approve ${service}`, `understudy decline ${service}`],
      good: [`understudy history ${service}`],
      bad: [`understudy history ${service}`, `understudy status ${service}`],
      warning: [],
    }[tone];
    return {
      service,
      title: `${service}: ${kind} ${from.join(', ')} → ${to}`,
      state,
      tone,
      cause: this.input.cause,
      from,
      to,
      progressPct: this.touched ? Math.round(this.weights[to] ?? 0) : null,
      next,
    };
  }
}

/** @throws ApplicationFailure `unknown-cluster` */
export function memberOf(run: MoveRun, name: ClusterName): ClusterSpec {
  const spec = run.input.clusters[name];
  if (spec === undefined) throw failure('unknown-cluster', `${name} is not configured`);
  return spec;
}
