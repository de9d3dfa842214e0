/** The memories of all vantages of one cluster, fed from a trace as a watch feeds them in production. */
import type { ClusterSpec } from '../fleet.js';
import { doubtOf, type Doubt } from '../health/doubt.js';
import { combineVantages } from '../health/quorum.js';
import type { GenerationSeen, PassiveSeen, SelfSeen, TickSeen, VantageReport } from '../health/types.js';
import { beginVantage, observe, reportVantage, type VantageHealth } from '../health/vantage.js';
import { mayAsk, wantsFreshTry, wantsGeneration } from '../health/wants.js';
import { UNKNOWN_DIAGNOSIS, type Diagnosis, type Vantage } from '../words.js';
import type { SeenFromVantage } from './trace.js';

/** A vantage that says nothing for this long has no vote: 10 s until its heartbeat is missed, 20 s for a successor. */
const SILENT_MS_MAX = 30_000;
/** When the extra try on a fresh connection comes after a first failure. */
const FRESH_TRY_AFTER_MS = 500;

/** So many times `every` a completion of a recording stands for one that would be sent now. */
const SENT_FRESH_EVERY = 2;

/** One cluster at one tick. */
export interface Look {
  readonly atMs: number;
  readonly seen: Readonly<Record<Vantage, SeenFromVantage>>;
  readonly passive: PassiveSeen | null;
  readonly self: SelfSeen;
}

export class WatchedCluster {
  /** How often a completion was used. */
  generations = 0;
  diagnosis: Diagnosis = UNKNOWN_DIAGNOSIS;
  #last: Look | null = null;
  readonly #healths = new Map<Vantage, VantageHealth>();
  readonly #reports = new Map<Vantage, VantageReport>();
  readonly #seenAtMs = new Map<Vantage, number>();
  /** Model id that was told last, where a recording asked for it. */
  #identity: string | null = null;
  /** The last completion of a recording. */
  #sent: { readonly atMs: number; readonly generation: GenerationSeen } | null = null;
  /** How many vantages had a vote at the last tick. */
  #heard = 0;

  constructor(readonly spec: ClusterSpec) {}

  /** Takes one tick in; returns what the vantages make of it together. */
  take(look: Look): Diagnosis {
    this.#last = look;
    let isCalm = this.#reports.size === this.#heard;
    for (const [vantage, seen] of Object.entries(look.seen)) {
      if (seen.identity !== undefined) this.#identity = seen.identity;
      if (seen.generation?.sent === true) this.#sent = { atMs: look.atMs, generation: seen.generation };
      const before = this.#healths.get(vantage) ?? beginVantage(look.atMs);
      const health = this.#observe(before, seen, look);
      this.#healths.set(vantage, health);
      this.#seenAtMs.set(vantage, look.atMs);
      const report = this.#reports.get(vantage);
      if (report !== undefined && health.verdict === before.verdict && health.evidence === before.evidence) continue;
      this.#reports.set(vantage, reportVantage(health, vantage, look.atMs));
      isCalm = false;
    }
    const heard = [...this.#reports.values()].filter((report) => this.#isHeard(report.vantage, look.atMs));
    if (isCalm && heard.length === this.#heard) return this.diagnosis;
    this.#heard = heard.length;
    this.diagnosis = combineVantages(heard, this.diagnosis, look.atMs);
    return this.diagnosis;
  }

  #isHeard(vantage: Vantage, atMs: number): boolean {
    return atMs - (this.#seenAtMs.get(vantage) ?? -Infinity) <= SILENT_MS_MAX;
  }

  /** What speaks against it at this moment. */
  get doubt(): Doubt | null {
    return doubtOf([...this.#healths.values()]);
  }

  get lastGenerationOkAtMs(): number | null {
    const times = [...this.#healths.values()].flatMap((health) => health.lastGenerationOkAtMs ?? []);
    return times.length === 0 ? null : Math.max(...times);
  }

  /** What a completion that is sent now would find; `null` when the trace does not know. */
  completeNow(): GenerationSeen | null {
    const found = Object.values(this.#last?.seen ?? {}).flatMap((seen) => seen.generation ?? []);
    if (found.length === 0) return this.#lastSent();
    this.generations += 1;
    const bad = found.filter((generation) => !generation.ok || generation.content === false);
    // Whoever starts a move is one more place: it sees what most see.
    return bad.length * 2 >= found.length ? (bad[0] ?? null) : (found.find((g) => !bad.includes(g)) ?? null);
  }

  /** A recording holds a completion only where one ended: the last one, as long as a watch would not send another. */
  #lastSent(): GenerationSeen | null {
    const ageMs = (this.#last?.atMs ?? 0) - (this.#sent?.atMs ?? -Infinity);
    return ageMs <= SENT_FRESH_EVERY * (this.spec.probes.generation?.everyMs ?? 0)
      ? (this.#sent?.generation ?? null)
      : null;
  }

  /** Model id that it says it serves, as far as the trace knows. */
  get identity(): string | null {
    return Object.values(this.#last?.seen ?? {}).flatMap((seen) => seen.identity ?? [])[0] ?? this.#identity;
  }

  #observe(before: VantageHealth, seen: SeenFromVantage, { atMs, passive, self }: Look): VantageHealth {
    const { generation = null, fresh } = seen;
    const asks = generation !== null && (generation.sent === true || this.#asks(before, atMs));
    if (asks) this.generations += 1;
    const after = observe(before, tickOf(seen, asks ? generation : null, { atMs, passive, self }), this.spec);
    if (fresh === undefined || fresh === null || !wantsFreshTry(after)) return after;
    const tryAtMs = atMs + Math.min(FRESH_TRY_AFTER_MS, this.spec.health.intervalMs / 2);
    return observe(after, { http: { ...fresh, fresh: true }, self, atMs: tryAtMs }, this.spec);
  }

  #asks(health: VantageHealth, atMs: number): boolean {
    return wantsGeneration(health, this.spec, atMs) && mayAsk(health, this.spec, { atMs, running: 0 });
  }
}

/** Written out, not spread: this is the innermost loop of years of simulated life. Metrics that were not asked stay away. */
function tickOf(
  { http = null, gpu = null, memory = null, identity = null, metrics }: SeenFromVantage,
  generation: GenerationSeen | null,
  { atMs, passive, self }: Pick<Look, 'atMs' | 'passive' | 'self'>,
): TickSeen {
  return metrics === undefined
    ? { atMs, http, gpu, memory, generation, identity, passive, self }
    : { atMs, http, gpu, memory, metrics, generation, identity, passive, self };
}
