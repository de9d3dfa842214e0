/**
 * One service at run time: its members with what is counted of them, who carries now, and whose turn it is. What was
 * written comes in through `apply`; what requests meet comes in through `began`, `spoke` and `ended`.
 */
import { performance } from 'node:perf_hooks';
import { ejectsAtOnce, saysTooMuch } from '../../domain/error-owner.js';
import { OVERLOAD_DEFAULTS, type OverloadSettings } from '../../domain/fleet.js';
import { slowStarted } from '../../domain/admission/slow-start.js';
import { effectiveWeights, takeTurn, type EffectiveWeights, type Turns } from '../../domain/strategies.js';
import type { TrafficState } from '../../domain/traffic.js';
import type { ClusterName, Weights } from '../../domain/words.js';
import { Admission, type Cast } from './admission.js';
import { callerTally, countFirstToken, type CallerTally } from './counters.js';
import {
  chosen,
  countsOf,
  definedOf,
  hasRoom,
  newMember,
  startingOf,
  type AttemptOutcome,
  type Choice,
  type Member,
} from './member.js';
import { homeOf, without } from './home-of.js';
import { HotPrefixes } from './hot-prefixes.js';
import { RetryBudget } from './retry-budget.js';
import { printable } from '../../domain/printable.js';
import type { ServiceRoute } from '../routes/route-table.js';
import { sharesOf, type Shares } from './shares.js';
import type { Upstreams } from '../upstream/upstreams.js';

export interface ServiceDeps {
  readonly process: string;
  readonly upstreams: Upstreams;
  /** Wall clock, ms. */
  readonly clock: () => number;
  /** One line for every change that the data plane makes by itself. */
  readonly tell: (event: Readonly<Record<string, unknown>>) => void;
}

/** Measured weights, and those of a slow start, are worked out anew this often, ms; the others when something changed. */
const MEASURED_FRESH_MS = 500;

export class Service implements Cast {
  readonly callers: CallerTally;
  readonly budget = new RetryBudget();
  readonly admission = new Admission(this);
  readonly hot = new HotPrefixes();
  readonly #deps: ServiceDeps;
  readonly #turns: Turns = new Map();
  #route: ServiceRoute;
  #members: readonly Member[] = [];
  #effective: EffectiveWeights | null = null;
  #effectiveUntilMs = 0;
  #shares: Shares = { weights: {}, spill: null, guest: null };
  #footing = 'normal';

  constructor(route: ServiceRoute, deps: ServiceDeps) {
    this.#deps = deps;
    this.callers = callerTally(deps.process);
    this.#route = route;
    this.apply(route);
  }

  get route(): ServiceRoute {
    return this.#route;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  apply(route: ServiceRoute): void {
    const known = new Map(this.#members.map((m) => [m.name, m]));
    this.#route = route;
    this.#members = route.definition.members.map((spec) => {
      const upstream = this.#deps.upstreams.of(spec.url);
      const drained = route.drained.includes(spec.cluster);
      const member = known.get(spec.cluster);
      if (member !== undefined) return this.#redefined(member, { upstream, drained, ...definedOf(spec) });
      return newMember(spec, { upstream, drained, process: this.#deps.process });
    });
    this.#effective = null;
    this.#tellMissingKeys();
    this.admission.serve();
  }

  #redefined(member: Member, next: Partial<Member>): Member {
    // A move gives a share only after the drain has ended, and raises it in steps of its own.
    if (member.drained && next.drained === false && (this.#route.weights[member.name] ?? 0) > 0)
      member.returnedAtMs = performance.now();
    return Object.assign(member, next);
  }

  get overload(): OverloadSettings {
    return this.#route.definition.overload ?? OVERLOAD_DEFAULTS;
  }

  /** The weights that are applied now, one entry a member. */
  effective(nowMs: number): EffectiveWeights {
    if (this.#effective !== null && nowMs < this.#effectiveUntilMs) return this.#effective;
    const { spill } = (this.#shares = this.#sharesNow());
    const open = this.#members.filter((m) => !m.drained);
    const { strategy } = this.#route.definition;
    const effective = effectiveWeights(
      strategy,
      Object.fromEntries(open.map((m) => [m.name, this.#share(m)])),
      Object.fromEntries(open.map((m) => [m.name, m.live.measure(nowMs)])),
      new Set(open.filter((m) => m.ejection.out).map((m) => m.name)),
    );
    const starting = effective.footing === 'normal' ? startingOf(open, nowMs) : [];
    const standing = open.filter((m) => !m.ejection.out).map((m) => m.name);
    this.#effective = { ...effective, weights: slowStarted(effective.weights, starting, standing) };
    const moves = strategy === 'weighted' || starting.length > 0;
    this.#effectiveUntilMs = Math.min(
      moves ? nowMs + MEASURED_FRESH_MS : Infinity,
      spill === null ? Infinity : nowMs + spill.untilMs - this.#deps.clock(),
    );
    this.#tellFooting(this.#effective);
    return this.#effective;
  }

  /**
   * Who gets this attempt: a cluster whose trial is due, else one that carries, else any other that is not drained,
   * those that are not ejected first. Never one of `tried`; `null` when nobody is left.
   */
  pick(key: string | null, tried: ReadonlySet<ClusterName>): Choice | null {
    const nowMs = performance.now();
    const { weights, footing } = this.effective(nowMs);
    if (footing !== 'none' && footing !== 'least-bad') {
      // Without a share only when nobody is in: then its back-off may have ended long ago, with no caller to notice.
      const asked = (m: Member): boolean => footing === 'last-resort' || this.#share(m) > 0;
      const trial = this.#members.find(
        (m) => m.ejection.trialDue(nowMs) && hasRoom(m) && !m.drained && asked(m) && !tried.has(m.name),
      );
      if (trial !== undefined) return this.#trial(trial, nowMs);
    }
    const carrier = this.#turn(weights, key, tried);
    if (carrier !== null) return this.#chosen(carrier, nowMs);
    const left = this.#members.filter((m) => !m.drained && !tried.has(m.name));
    const member = left.find((m) => !m.ejection.out) ?? left.find((m) => this.#share(m) > 0) ?? left[0];
    return member === undefined ? null : this.#chosen(member, nowMs);
  }

  carrier(key: string | null, without: ReadonlySet<ClusterName>): Choice | null {
    const nowMs = performance.now();
    const { weights } = this.effective(nowMs);
    const { guest } = this.#shares;
    const member = this.#turn(weights, key, guest === null ? without : new Set([...without, guest]));
    return member === null ? null : this.#chosen(member, nowMs);
  }

  hasCarrier(without: ReadonlySet<ClusterName>): boolean {
    const { weights } = this.effective(performance.now());
    return Object.entries(weights).some(
      ([name, weight]) => weight > 0 && name !== this.#shares.guest && !without.has(name),
    );
  }

  /**
   * Whether a request that tried these could be sent to a cluster that is thought well, or that nothing is known against
   * any more: one without a share is not tried when its back-off is over, and would else be thought bad for ever.
   */
  hasOther(tried: ReadonlySet<ClusterName>): boolean {
    const nowMs = performance.now();
    return this.#members.some((m) => !m.drained && !tried.has(m.name) && m.ejection.unsuspected(nowMs));
  }

  /** Clusters that are ejected or on trial. */
  ejected(): readonly ClusterName[] {
    return this.#members.filter((m) => m.ejection.out).map((m) => m.name);
  }

  isOut(cluster: ClusterName): boolean {
    return this.#members.find((m) => m.name === cluster)?.ejection.out ?? true;
  }

  /** An attempt begins, on a place that was claimed. */
  began(member: Member): void {
    member.tally.requests++;
  }

  /** The first byte for the caller came. `stream`: it was a token, not a whole answer. */
  spoke(
    member: Member,
    seen: { readonly latencyMs: number; readonly stream: boolean; readonly onTrial: boolean },
  ): void {
    const nowMs = performance.now();
    if (seen.stream) {
      countFirstToken(member.tally, seen.latencyMs);
      member.upstream.load.learner.firstToken(seen.latencyMs);
    }
    member.live.answered(seen.latencyMs, nowMs);
    if (!seen.onTrial) {
      member.ejection.spoke(nowMs - seen.latencyMs);
      return;
    }
    member.ejection.passTrial(nowMs);
    member.returnedAtMs = nowMs;
    this.#effective = null;
    this.#deps.tell({ event: 'cluster-returned', service: this.#name, cluster: member.name });
    this.admission.serve();
  }

  /** What was claimed is free again, with or without an attempt. */
  ended(choice: Choice, outcome: AttemptOutcome): void {
    this.admission.release(choice);
    if (choice.member.limit === 'learned') learnFrom(choice, outcome);
    this.#note(choice, outcome);
    choice.load.freed();
  }

  #note(choice: Choice, outcome: AttemptOutcome): void {
    const { member, onTrial } = choice;
    if (outcome.kind === 'none') {
      if (onTrial) member.ejection.dropTrial();
      return;
    }
    if (outcome.kind === 'failed') this.#failed(choice, outcome);
    else {
      member.tally[outcome.kind]++;
      if (onTrial) member.ejection.dropTrial(); // no-op after a first byte
      if (outcome.kind === 'ok') this.#succeeded(choice);
    }
  }

  /** Sends elsewhere what waits on a cluster without a first byte, and continues elsewhere what is silent there. */
  rehome(cluster: ClusterName): void {
    const member = this.#members.find((m) => m.name === cluster);
    for (const request of member?.running.list() ?? []) request.rehome();
  }

  /** Continues elsewhere what runs on a cluster, as far as it can be; the rest stays and runs on. */
  handOver(cluster: ClusterName): void {
    const member = this.#members.find((m) => m.name === cluster);
    for (const request of member?.running.list() ?? []) request.handOver();
  }

  /** Another process that serves the same has ejected it: leave it out here as well, without three failures of our own. */
  ejectedElsewhere(cluster: ClusterName): void {
    const member = this.#members.find((m) => m.name === cluster);
    if (member === undefined || !this.hasOther(new Set([cluster]))) return;
    if (!member.ejection.follow(performance.now())) return;
    this.#effective = null;
    this.rehome(cluster);
  }

  /** Another process has seen it answer again: try it with the next request. */
  returnedElsewhere(cluster: ClusterName): void {
    this.#members.find((m) => m.name === cluster)?.ejection.tryNow();
  }

  state(): TrafficState {
    const { weights } = this.effective(performance.now());
    const { epoch, changedAtMs, weights: intended } = this.#route;
    return {
      service: this.#name,
      epoch,
      intended,
      effective: Object.fromEntries(this.#members.map((m) => [m.name, weights[m.name] ?? 0])),
      spill: this.#shares.spill,
      changedAtMs,
      clusters: Object.fromEntries(this.#members.map((m) => [m.name, countsOf(m)])),
      waiting: this.admission.waiting,
      callers: { ...this.callers },
    };
  }

  get #name(): string {
    return this.#route.definition.service;
  }

  #tellMissingKeys(): void {
    for (const { cluster, apiKeyEnv } of this.#route.definition.members) {
      if (apiKeyEnv === undefined || this.#members.find((m) => m.name === cluster)?.authorization !== null) continue;
      const message = `${cluster} IS ASKED WITHOUT ITS KEY: ${apiKeyEnv} is not set here`;
      this.#deps.tell({ event: 'cluster-key-missing', service: this.#name, cluster, apiKeyEnv, message });
    }
  }

  #share(member: Member): number {
    return this.#shares.weights[member.name] ?? 0;
  }

  #sharesNow(): Shares {
    const next = sharesOf(this.#route, this.#deps.clock(), (name) => this.isOut(name));
    const { spill: was } = this.#shares;
    if (was !== null && next.spill === null)
      this.#deps.tell({ event: 'spill-ended', service: this.#name, from: was.from, to: was.to });
    return next;
  }

  /** Whose turn it is, without some; `null` when nobody else has a share. */
  #turn(weights: Weights, key: string | null, tried: ReadonlySet<ClusterName>): Member | null {
    const open = tried.size === 0 ? weights : without(weights, tried);
    const name = key === null ? takeTurn(this.#turns, open) : homeOf(key, open, this.#members);
    return name === null ? null : (this.#members.find((m) => m.name === name) ?? null);
  }

  #chosen(member: Member, nowMs: number): Choice {
    if (member.ejection.trialDue(nowMs) && hasRoom(member)) return this.#trial(member, nowMs);
    const spilled = member.name === this.#shares.guest;
    return chosen(member, { onTrial: false, spilled, nowMs });
  }

  #trial(member: Member, nowMs: number): Choice {
    member.ejection.beginTrial(nowMs);
    return chosen(member, { onTrial: true, spilled: false, nowMs });
  }

  #succeeded({ member, beganAtMs }: Choice): void {
    member.ejection.succeeded(beganAtMs);
    member.failingSinceMs = null;
    member.lastOkAtMs = this.#deps.clock();
  }

  #failed({ member, onTrial }: Choice, { failure, detail }: Extract<AttemptOutcome, { kind: 'failed' }>): void {
    const nowMs = performance.now();
    // Most failures of a row are not written: made printable is only what is.
    const said = () => ({ service: this.#name, cluster: member.name, because: failure, why: printable(detail) });
    const passedOver = member.failureLines.due(nowMs);
    if (passedOver !== null) this.#deps.tell({ event: 'attempt-failed', ...said(), passedOver });
    member.tally[failure === 'cut' ? 'cut' : 'cluster']++;
    member.live.failed(nowMs);
    member.lastFailedAtMs = this.#deps.clock();
    member.failingSinceMs ??= member.lastFailedAtMs;
    const atOnce = failure !== 'cut' && ejectsAtOnce(failure);
    const mayEject = this.hasOther(new Set([member.name]));
    if (!member.ejection.failed({ atOnce, onTrial, mayEject, nowMs })) return;
    member.tally.ejections++;
    this.#effective = null;
    const forMs = Math.round(member.ejection.untilMs - nowMs);
    this.#deps.tell({ event: 'cluster-ejected', ...said(), forMs });
    this.rehome(member.name);
  }

  #tellFooting({ footing }: EffectiveWeights): void {
    if (footing === this.#footing) return;
    this.#footing = footing;
    this.#deps.tell({ event: 'footing-changed', service: this.#name, footing });
  }
}

function learnFrom({ load }: Choice, outcome: AttemptOutcome): void {
  const refused = outcome.kind === 'quota' || (outcome.kind === 'failed' && saysTooMuch(outcome.failure));
  load.learner.ended({ running: load.running + 1, refused, nowMs: performance.now() });
}
