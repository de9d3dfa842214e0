/**
 * One service at run time: its members with what is counted of them, who carries now, and whose turn it is. What was
 * written comes in through `apply`; what requests meet comes in through `began`, `spoke` and `ended`.
 */
import { performance } from 'node:perf_hooks';
import { ejectsAtOnce, type AttemptFailure } from '../domain/error-owner.js';
import type { EngineKind } from '../domain/fleet.js';
import { rendezvous } from '../domain/rendezvous.js';
import { effectiveWeights, takeTurn, type EffectiveWeights, type Turns } from '../domain/strategies.js';
import type { TrafficState } from '../domain/traffic.js';
import type { ClusterName, Weights } from '../domain/words.js';
import {
  callerTally,
  clusterTally,
  countFirstToken,
  LiveWindow,
  type CallerTally,
  type ClusterTally,
} from './counters.js';
import { Ejection } from './ejection.js';
import { RetryBudget } from './retry-budget.js';
import type { ServiceRoute } from './route-table.js';
import type { Upstream, Upstreams } from './upstreams.js';

/** A request that a cluster is answering. */
export interface Running {
  /** The cluster is thought lost: leave it as soon as nothing is lost by leaving. */
  rehome(): void;
  /** The cluster is to be emptied: leave it now, if another one can go on. */
  handOver(): void;
}

export interface Member {
  readonly name: ClusterName;
  readonly tally: ClusterTally;
  readonly live: LiveWindow;
  readonly ejection: Ejection;
  readonly running: Set<Running>;
  upstream: Upstream;
  model: string;
  engine: EngineKind;
  drained: boolean;
  inFlight: number;
  failingSinceMs: number | null;
  lastOkAtMs: number | null;
  /** Monotonic, ms: last byte that came from this cluster. */
  lastSignMs: number;
}

export interface Choice {
  readonly member: Member;
  readonly onTrial: boolean;
}

/** How an attempt ended, as far as the cluster is concerned; `none`: it was broken off by us or by the caller. */
export type AttemptOutcome =
  | { readonly kind: 'ok' | 'client' | 'quota' | 'cut' | 'none' }
  | { readonly kind: 'failed'; readonly failure: AttemptFailure };

export interface ServiceDeps {
  readonly process: string;
  readonly upstreams: Upstreams;
  /** Wall clock, ms. */
  readonly clock: () => number;
  /** One line for every change that the data plane makes by itself. */
  readonly tell: (event: Readonly<Record<string, unknown>>) => void;
}

/** Measured weights are worked out anew this often, ms; the others only when something changed. */
const MEASURED_FRESH_MS = 500;

export class Service {
  readonly callers: CallerTally;
  readonly budget = new RetryBudget();
  readonly #deps: ServiceDeps;
  readonly #turns: Turns = new Map();
  #route: ServiceRoute;
  #members: readonly Member[] = [];
  #effective: EffectiveWeights | null = null;
  #effectiveUntilMs = 0;
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
      if (member !== undefined)
        return Object.assign(member, { upstream, drained, model: spec.model, engine: spec.engine });
      const { cluster, model, engine } = spec;
      return newMember({ name: cluster, model, engine, upstream, drained, process: this.#deps.process });
    });
    this.#effective = null;
  }

  /** The weights that are applied now, one entry a member. */
  effective(nowMs: number): EffectiveWeights {
    if (this.#effective !== null && nowMs < this.#effectiveUntilMs) return this.#effective;
    const open = this.#members.filter((m) => !m.drained);
    const { strategy } = this.#route.definition;
    this.#effective = effectiveWeights(
      strategy,
      Object.fromEntries(open.map((m) => [m.name, this.#share(m)])),
      Object.fromEntries(open.map((m) => [m.name, m.live.measure(nowMs)])),
      new Set(open.filter((m) => m.ejection.out).map((m) => m.name)),
    );
    this.#effectiveUntilMs = strategy === 'weighted' ? nowMs + MEASURED_FRESH_MS : Infinity;
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
    if (footing === 'normal' || footing === 'standby') {
      const trial = this.#members.find(
        (m) => m.ejection.trialDue(nowMs) && !m.drained && this.#share(m) > 0 && !tried.has(m.name),
      );
      if (trial !== undefined) return this.#trial(trial);
    }
    const open = tried.size === 0 ? weights : without(weights, tried);
    const name = key === null ? takeTurn(this.#turns, open) : rendezvous(key, open);
    const rest = (): Member | undefined => {
      const left = this.#members.filter((m) => !m.drained && !tried.has(m.name));
      return left.find((m) => !m.ejection.out) ?? left.find((m) => this.#share(m) > 0) ?? left[0];
    };
    const member = name === null ? rest() : this.#members.find((m) => m.name === name);
    if (member === undefined) return null;
    return member.ejection.trialDue(nowMs) ? this.#trial(member) : { member, onTrial: false };
  }

  /** Whether a request that tried these could be sent to a cluster that is thought well. */
  hasOther(tried: ReadonlySet<ClusterName>): boolean {
    return this.#members.some((m) => !m.drained && !m.ejection.out && !tried.has(m.name));
  }

  /** Clusters that are ejected or on trial. */
  ejected(): readonly ClusterName[] {
    return this.#members.filter((m) => m.ejection.out).map((m) => m.name);
  }

  isOut(cluster: ClusterName): boolean {
    return this.#members.find((m) => m.name === cluster)?.ejection.out ?? true;
  }

  began(member: Member): void {
    member.inFlight++;
    member.tally.requests++;
  }

  /** The first byte for the caller came. `stream`: it was a token, not a whole answer. */
  spoke(
    member: Member,
    seen: { readonly latencyMs: number; readonly stream: boolean; readonly onTrial: boolean },
  ): void {
    const nowMs = performance.now();
    if (seen.stream) countFirstToken(member.tally, seen.latencyMs);
    member.live.answered(seen.latencyMs, nowMs);
    if (!seen.onTrial) return;
    member.ejection.passTrial(nowMs);
    this.#effective = null;
    this.#deps.tell({ event: 'cluster-returned', service: this.#name, cluster: member.name });
  }

  ended(choice: Choice, outcome: AttemptOutcome): void {
    const { member, onTrial } = choice;
    member.inFlight--;
    if (outcome.kind === 'none') {
      if (onTrial) member.ejection.dropTrial();
      return;
    }
    if (outcome.kind === 'failed') this.#failed(choice, outcome.failure);
    else if (outcome.kind === 'cut') this.#failed(choice, 'cut');
    else {
      member.tally[outcome.kind]++;
      if (onTrial) member.ejection.dropTrial(); // no-op after a first byte
      if (outcome.kind === 'ok') this.#succeeded(member);
    }
  }

  /** Sends elsewhere what waits on a cluster without a first byte, and continues elsewhere what is silent there. */
  rehome(cluster: ClusterName): void {
    const member = this.#members.find((m) => m.name === cluster);
    for (const request of [...(member?.running ?? [])]) request.rehome();
  }

  /** Continues elsewhere what runs on a cluster, as far as it can be; the rest stays and runs on. */
  handOver(cluster: ClusterName): void {
    const member = this.#members.find((m) => m.name === cluster);
    for (const request of [...(member?.running ?? [])]) request.handOver();
  }

  state(): TrafficState {
    const { weights } = this.effective(performance.now());
    const { epoch, changedAtMs, weights: intended } = this.#route;
    return {
      service: this.#name,
      epoch,
      intended,
      effective: Object.fromEntries(this.#members.map((m) => [m.name, weights[m.name] ?? 0])),
      changedAtMs,
      clusters: Object.fromEntries(
        this.#members.map((m) => [
          m.name,
          {
            inFlight: m.inFlight,
            counters: { ...m.tally, firstToken: [...m.tally.firstToken] },
            drained: m.drained,
            failingSinceMs: m.failingSinceMs,
            lastOkAtMs: m.lastOkAtMs,
          },
        ]),
      ),
      callers: { ...this.callers },
    };
  }

  get #name(): string {
    return this.#route.definition.service;
  }

  #share(member: Member): number {
    return this.#route.weights[member.name] ?? 0;
  }

  #trial(member: Member): Choice {
    member.ejection.beginTrial();
    return { member, onTrial: true };
  }

  #succeeded(member: Member): void {
    member.ejection.succeeded();
    member.failingSinceMs = null;
    member.lastOkAtMs = this.#deps.clock();
  }

  #failed({ member, onTrial }: Choice, failure: AttemptFailure | 'cut'): void {
    const nowMs = performance.now();
    member.tally[failure === 'cut' ? 'cut' : 'cluster']++;
    member.live.failed(nowMs);
    member.failingSinceMs ??= this.#deps.clock();
    const atOnce = failure !== 'cut' && ejectsAtOnce(failure);
    const mayEject = this.hasOther(new Set([member.name]));
    if (!member.ejection.failed({ atOnce, onTrial, mayEject, nowMs })) return;
    this.#effective = null;
    const forMs = Math.round(member.ejection.untilMs - nowMs);
    this.#deps.tell({ event: 'cluster-ejected', service: this.#name, cluster: member.name, because: failure, forMs });
    this.rehome(member.name);
  }

  #tellFooting({ footing }: EffectiveWeights): void {
    if (footing === this.#footing) return;
    this.#footing = footing;
    this.#deps.tell({ event: 'footing-changed', service: this.#name, footing });
  }
}

function newMember(
  spec: Pick<Member, 'name' | 'model' | 'engine' | 'upstream' | 'drained'> & { readonly process: string },
): Member {
  const { process, ...rest } = spec;
  return {
    ...rest,
    tally: clusterTally(process),
    live: new LiveWindow(),
    ejection: new Ejection(),
    running: new Set(),
    inFlight: 0,
    failingSinceMs: null,
    lastOkAtMs: null,
    lastSignMs: -Infinity,
  };
}

function without(weights: Weights, names: ReadonlySet<ClusterName>): Weights {
  return Object.fromEntries(Object.entries(weights).filter(([name]) => !names.has(name)));
}
