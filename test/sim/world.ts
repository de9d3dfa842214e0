/**
 * A small world for decisions: clusters that break in every way, vantages that lose sight of some or all, callers who come
 * and go, people who order, freeze and work on clusters, and a fleet that sometimes holds. All of it comes from one seed.
 */
import { Simulation } from '../../src/domain/simulation/simulate.js';
import type { SeenFromVantage, TraceHeader, TraceTick } from '../../src/domain/simulation/trace.js';
import { settingsOf } from '../../src/cli/simulate/run-trace.js';
import type { GuardEvent } from '../../src/domain/guard/commands.js';
import { ClusterModel, type Condition } from './cluster-model.js';
import { randomFrom, type Random } from './random.js';

/** What is true at a moment, and what the core made of it. */
export interface Moment {
  readonly t: number;
  readonly tick: TraceTick;
  /** What each cluster really is. */
  readonly truth: Readonly<Record<string, Condition>>;
  readonly simulation: Simulation;
}

/** Between two ticks, s: the default, and one for large fleets. */
const INTERVALS_S = [2, 5] as const;
const MODEL = 'm';
/** Mean time between troubles of one cluster, and how long one lasts, s. */
const PEACE_S = 2_400;
const TROUBLE_S = [20, 900] as const;

const TROUBLES: readonly Condition[] = [
  'refused',
  'refused',
  'silent',
  'hung',
  'engine-gone',
  'decode-stall',
  'errors',
  'cutting',
  'slow',
  'garbage',
  'gpu-lost',
  'overloaded',
  'metrics-gone',
  'quota',
  'client-errors',
  'long-prefill',
];

/** One cluster's life: peace, trouble, and after a crash the loading of the model. */
class Life {
  condition: Condition = 'well';
  #untilS: number;

  constructor(private readonly random: Random) {
    this.#untilS = this.#peace(0);
  }

  at(t: number): Condition {
    if (t < this.#untilS) return this.condition;
    const crashed = this.condition === 'refused';
    if (crashed) {
      this.condition = 'loading';
      this.#untilS = t + this.random.between(10, 240);
    } else if (this.condition === 'well') {
      this.condition = this.random.pick(TROUBLES);
      this.#untilS = t + this.random.between(...TROUBLE_S);
    } else {
      this.condition = 'well';
      this.#untilS = this.#peace(t);
    }
    return this.condition;
  }

  /** Everything fails together, as a region does. */
  strike(t: number, condition: Condition, seconds: number): void {
    this.condition = condition;
    this.#untilS = t + seconds;
  }

  #peace(t: number): number {
    return t - Math.log(1 - this.random.next()) * PEACE_S;
  }
}

export class World {
  readonly header: TraceHeader;
  readonly simulation: Simulation;
  readonly #random: Random;
  readonly #names: readonly string[];
  readonly #lives: ReadonlyMap<string, Life>;
  readonly #models: ReadonlyMap<string, ClusterModel>;
  /** Until when a vantage sees nothing, s. */
  readonly #blindUntilS = new Map<string, number>();
  #sickUntilS = 0;
  #load = 10;
  #t = 0;

  constructor(readonly seed: number) {
    const random = randomFrom(seed);
    this.#random = random;
    this.#names = ['eu-a', 'us-b', 'ap-c', 'sa-d'].slice(0, random.whole(2, 4));
    this.header = headerOf(this.#names, random);
    const { service, clusters } = settingsOf(this.header, `seed ${seed}`);
    this.simulation = new Simulation(service, clusters);
    this.#lives = new Map(this.#names.map((name) => [name, new Life(random)]));
    const settings = { engine: 'vllm', model: MODEL, concurrency: 64, badShare: random.pick([0.3, 0.6]) };
    this.#models = new Map(this.#names.map((name) => [name, new ClusterModel(settings, random)]));
  }

  /** One interval passes. */
  step(): Moment {
    this.#t += this.header.interval;
    const t = this.#t;
    this.#changeWeather(t);
    const truth = Object.fromEntries(this.#names.map((name) => [name, this.#lives.get(name)?.at(t) ?? 'well']));
    const tick = this.#look(t, truth);
    this.simulation.take(tick);
    this.#people();
    return { t, tick, truth, simulation: this.simulation };
  }

  get isObserverSick(): boolean {
    return this.#t < this.#sickUntilS;
  }

  /** Vantages that see at this moment. */
  get seeing(): number {
    return this.header.vantages.filter((v) => this.#t >= (this.#blindUntilS.get(v) ?? 0)).length;
  }

  /** What happens once in so many seconds, on average: now? */
  #happens(everyS: number): boolean {
    return this.#random.chance(this.header.interval / everyS);
  }

  #changeWeather(t: number): void {
    const random = this.#random;
    if (this.#happens(3_000)) this.#sickUntilS = t + random.between(4, 120);
    if (this.#happens(1_200)) this.#load = random.pick([0, 0, 2, 10, 30]);
    for (const vantage of this.header.vantages)
      if (this.#happens(4_000)) this.#blindUntilS.set(vantage, t + random.between(2, 400));
    if (this.#happens(8_000)) {
      const untilS = t + random.between(5, 300);
      for (const vantage of this.header.vantages) this.#blindUntilS.set(vantage, untilS);
    }
    if (this.#happens(12_000)) {
      const condition = random.pick(['refused', 'silent'] as const);
      for (const life of this.#lives.values())
        if (random.chance(0.8)) life.strike(t, condition, random.between(30, 400));
    }
  }

  #look(t: number, truth: Readonly<Record<string, Condition>>): TraceTick {
    const { intended } = this.simulation.state;
    const seen: Record<string, Record<string, SeenFromVantage>> = {};
    const traffic: TraceTick['traffic'] & Record<string, unknown> = {};
    const noise = 0.01;
    for (const name of this.#names) {
      const model = this.#models.get(name);
      const condition = truth[name] ?? 'well';
      const requests = (this.#load * this.header.interval * (intended[name] ?? 0)) / 100;
      model?.work(condition, requests);
      const from: Record<string, SeenFromVantage> = {};
      for (const vantage of this.header.vantages) {
        // A starving watcher misses the answers that come in time.
        const blind = this.isObserverSick || t < (this.#blindUntilS.get(vantage) ?? 0);
        const found = model?.seen(blind ? 'silent' : condition, noise);
        if (found !== undefined) from[vantage] = found;
      }
      seen[name] = from;
      Object.assign(traffic, { [name]: model?.traffic(condition, requests) ?? null });
    }
    const sick = this.isObserverSick;
    return { t, seen, traffic, self: { lag: sick ? 900 : 2, late: sick ? 2 : 0, control: !sick } };
  }

  /** People order what they like; a guard must hold its own in any case. */
  #people(): void {
    const random = this.#random;
    if (!this.#happens(1_400)) return;
    const attribution = { by: 'somebody', reason: 'because', via: 'cli' } as const;
    const cluster = random.pick(this.#names);
    const forMs = random.whole(10, 1_200) * 1_000;
    const words: readonly GuardEvent[] = [
      { kind: 'order', verb: 'switchover', to: cluster, attribution },
      { kind: 'order', verb: 'failover', attribution },
      { kind: 'order', verb: 'failback', attribution },
      { kind: 'freeze', forMs, attribution },
      { kind: 'unfreeze', attribution },
      { kind: 'maintenance', cluster, forMs, attribution },
      { kind: 'maintenance', cluster, forMs: 0, attribution },
    ];
    this.simulation.hear(random.pick(words));
  }
}

function headerOf(names: readonly string[], random: Random): TraceHeader {
  return {
    trace: 'world',
    interval: random.pick(INTERVALS_S),
    service: 'chat',
    failback: random.pick(['auto', 'approve', 'never']),
    vantages: Array.from({ length: random.pick([1, 2, 3, 3, 5]) }, (_, i) => `v${i + 1}`),
    clusters: names.map((name, i) => ({
      name,
      role: i === 0 ? 'primary' : 'standby',
      engine: 'vllm',
      region: name.slice(0, 2),
      model: MODEL,
      concurrency: 64,
    })),
  };
}
