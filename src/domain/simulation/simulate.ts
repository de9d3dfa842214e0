/**
 * A trace through the code that decides in production: watches, vantages, guard. The trace drives the clock.
 * What is simplified: a move takes effect at once, nobody answers a question, and the fleet is this one service.
 *
 *     tick -> every cluster's vantages -> verdicts that are news -> guard -> moves -> guard
 */
import type { ClusterSpec, ServiceSpec } from '../fleet.js';
import { beginGuard } from '../guard/begin.js';
import type { GuardCommand, GuardEvent, SpillOrder } from '../guard/commands.js';
import { advance, nextLookMs } from '../guard/guard.js';
import type { GuardState } from '../guard/state.js';
import { isNews } from '../health/news.js';
import type { MoveRecord } from '../move-record.js';
import type { ClusterName, MoveKind, Verdict } from '../words.js';
import { preflightAtOnce, recordOf, type MoveEnd } from './instant-move.js';
import type { TraceTick } from './trace.js';
import { WatchedCluster } from './vantages.js';

/** t = 0. Zero itself means "never" in more than one place, as no real clock shows it. */
const EPOCH_MS = Date.UTC(2000, 0, 1);
/** Looks of the guard between two ticks, and moves within one: more is a loop. */
const STEPS_MAX = 1_000;

export interface SimulatedMove {
  /** s since the beginning of the trace. */
  readonly t: number;
  readonly kind: MoveKind;
  readonly from: ClusterName;
  readonly to: ClusterName;
  readonly reason: string;
}

export interface SimulatedVerdict {
  readonly t: number;
  readonly cluster: ClusterName;
  readonly verdict: Verdict;
  readonly why: string;
}

export interface SimulatedSpill {
  readonly t: number;
  readonly from: ClusterName;
  readonly to: ClusterName;
  /** Percent of what `from` would get; 0: it ended. */
  readonly sharePct: number;
}

export interface SimulationResult {
  readonly moves: readonly SimulatedMove[];
  readonly verdicts: readonly SimulatedVerdict[];
  /** Each change of what spills over. */
  readonly spills: readonly SimulatedSpill[];
  /** What was not done, oldest first. */
  readonly notDone: readonly { readonly t: number; readonly trigger: string; readonly why: string }[];
  /** Ticks at which a completion was used. */
  readonly generationProbes: number;
  readonly ticks: number;
}

export class Simulation {
  state: GuardState;
  readonly moves: SimulatedMove[] = [];
  readonly verdicts: SimulatedVerdict[] = [];
  readonly spills: SimulatedSpill[] = [];
  /** What people were told. */
  readonly alerts: string[] = [];
  readonly #clusters: readonly WatchedCluster[];
  readonly #notDone: SimulationResult['notDone'][number][] = [];
  #nowMs = EPOCH_MS;
  #ticks = 0;
  #generationTicks = 0;

  constructor(service: ServiceSpec, clusters: readonly ClusterSpec[]) {
    this.state = beginGuard(service, clusters);
    this.#clusters = clusters.map((spec) => new WatchedCluster(spec));
  }

  /** Everything until this tick, and the tick. Ticks must come in the order of time. */
  take(tick: TraceTick): void {
    const atMs = EPOCH_MS + tick.t * 1_000;
    this.#passTime(atMs);
    const generations = this.#generations;
    const news = this.#clusters.filter((cluster) => this.#watch(cluster, tick));
    for (const cluster of this.#bystandersFirst(news)) this.#tellGuard(cluster);
    if (this.#generations > generations) this.#generationTicks += 1;
    this.#ticks += 1;
  }

  /** A word of a person, or of the fleet, at the time of the last tick. */
  hear(event: GuardEvent): void {
    const noted = this.state.whyNot[0];
    const { state, commands } = advance(this.state, event, this.#nowMs);
    this.state = state;
    const entry = state.whyNot[0];
    if (entry !== undefined && entry !== noted) this.#notDone.push({ ...entry, t: this.#t });
    for (const command of commands) this.#carryOut(command);
  }

  result(): SimulationResult {
    return {
      moves: this.moves,
      verdicts: this.verdicts,
      spills: this.spills,
      notDone: this.#notDone.map(({ t, trigger, why }) => ({ t, trigger, why })),
      generationProbes: this.#generationTicks,
      ticks: this.#ticks,
    };
  }

  get #t(): number {
    return (this.#nowMs - EPOCH_MS) / 1_000;
  }

  get #generations(): number {
    return this.#clusters.reduce((sum, cluster) => sum + cluster.generations, 0);
  }

  /** The guard looks whenever it wanted to; an open question ends unanswered. */
  #passTime(untilMs: number): void {
    for (let steps = 0; steps < STEPS_MAX; steps += 1) {
      const nextMs = Math.min(nextLookMs(this.state, this.#nowMs) ?? Infinity, this.#questionEndsMs());
      if (nextMs > untilMs) break;
      this.#nowMs = nextMs;
      if (this.#questionEndsMs() <= nextMs) this.#endMove({ state: 'aborted', why: 'nobody said yes in time' });
      else this.hear({ kind: 'timer' });
    }
    this.#nowMs = untilMs;
  }

  #questionEndsMs(): number {
    const { move } = this.state;
    return move === null ? Infinity : move.startedAtMs + move.input.plan.approvalTimeoutMs;
  }

  /** Whether it has news. */
  #watch(cluster: WatchedCluster, tick: TraceTick): boolean {
    const seen = tick.seen[cluster.spec.name];
    if (seen === undefined) return false;
    const before = cluster.diagnosis;
    const passive = tick.traffic[cluster.spec.name] ?? null;
    const after = cluster.take({ atMs: this.#nowMs, seen, passive, self: tick.self });
    if (after.verdict !== before.verdict) {
      const why = after.evidence.map((e) => `${e.dimension}: ${e.seen} (seen by ${e.by})`).join('; ');
      this.verdicts.push({ t: tick.t, cluster: cluster.spec.name, verdict: after.verdict, why });
    }
    return isNews(before, after);
  }

  /** Verdicts of one tick reach the guard in any order; those of clusters without traffic decide nothing, so they go first. */
  #bystandersFirst(news: readonly WatchedCluster[]): readonly WatchedCluster[] {
    const carries = ({ spec }: WatchedCluster): number => ((this.state.intended[spec.name] ?? 0) > 0 ? 1 : 0);
    return [...news].sort((a, b) => carries(a) - carries(b));
  }

  #tellGuard({ spec, diagnosis, lastGenerationOkAtMs }: WatchedCluster): void {
    this.hear({ kind: 'verdict', cluster: spec.name, diagnosis, lastGenerationOkAtMs });
  }

  #carryOut(command: GuardCommand): void {
    if (command.kind === 'alert') this.alerts.push(`${command.title}: ${command.text}`);
    if (command.kind === 'spill') this.#spill(command);
    if (command.kind === 'tell-spill' && command.ended) this.#noteSpill({ ...command.spill, sharePct: 0 });
    if (command.kind === 'supersede-move') this.#endMove({ state: 'aborted', why: command.why });
    if (command.kind === 'start-move') this.#startMove(command.id);
  }

  /** A trace does not say whether there is room: the layer takes what it is told. */
  #spill({ id, from, to, sharePct }: SpillOrder): void {
    if (this.state.spill?.id !== id) return;
    if (sharePct !== this.state.spill.sharePct) this.#noteSpill({ from, to, sharePct });
    this.hear({ kind: 'spill-held', id, sharePct });
  }

  #noteSpill({ from, to, sharePct }: Omit<SimulatedSpill, 't'>): void {
    this.spills.push({ t: this.#t, from, to, sharePct });
  }

  #startMove(id: string): void {
    const { move } = this.state;
    if (move?.id !== id) return;
    const end = preflightAtOnce(move.input, this.#clusters, this.#nowMs);
    if (end.state !== 'done' || end.plan.approval === 'none') return this.#endMove(end);
    this.hear({ kind: 'move-progress', id, step: 'approval', state: 'asking', question: 'go?' });
  }

  #endMove(end: MoveEnd): void {
    const { move } = this.state;
    if (move === null) return;
    const record: MoveRecord = recordOf(move, end, this.#nowMs);
    if (record.state === 'done') {
      const { kind, from, to } = record;
      this.moves.push({ t: this.#t, kind, from: from.join(', '), to, reason: move.input.cause });
    }
    this.hear({ kind: 'move-ended', id: move.id, record });
  }
}
