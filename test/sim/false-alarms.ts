/** Years of ordinary life: single probes fail by chance, and once an hour the network is away for three seconds. */
import { Simulation } from '../../src/domain/simulation/simulate.js';
import type { SeenFromVantage, TraceHeader, TraceTick } from '../../src/domain/simulation/trace.js';
import { settingsOf } from '../../src/cli/simulate/run-trace.js';
import type { PassiveSeen, SelfSeen } from '../../src/domain/health/types.js';
import { randomFrom, type Random } from './random.js';

export interface OrdinaryLife {
  readonly seed: number;
  readonly hours: number;
  /** Share of probes of every kind that fail, independently of each other. */
  readonly noise: number;
  readonly vantages: number;
  readonly standbys: number;
  /** Whether anybody calls: callers that are served contradict the probes, so without them it is harder. */
  readonly callers: boolean;
}

const INTERVAL_S = 2;
const BLIP_S = 3;
/** Within a blip nearly everything from a vantage fails. */
const BLIP_FAILURES = 0.9;
const MODEL = 'm';

const WELL: SeenFromVantage = {
  http: { status: 200, ms: 4 },
  gpu: { healthy: true },
  memory: { used: 0.9 },
  metrics: { age: 0, running: 0, waiting: 0, steps: 1, tokens: 1, kv: 0.2, preemptions: 0 },
  generation: { ok: true, ttft: 120, gap: 25, content: true },
  identity: MODEL,
};
const SELF: SelfSeen = { lag: 1, late: 0, control: true };
const SERVED: PassiveSeen = { requests: 20, client: 0, quota: 0, cluster: 0, cut: 0, ttft95: 300 };
const NOBODY: PassiveSeen = { ...SERVED, requests: 0, ttft95: null };

/** Runs it; whatever moved was wrong. */
export function liveOrdinarily(life: OrdinaryLife): Simulation {
  const random = randomFrom(life.seed);
  const header = headerOf(life);
  const { service, clusters } = settingsOf(header, 'ordinary life');
  const simulation = new Simulation(service, clusters);
  const names = header.clusters.map((c) => c.name);
  const traffic = Object.fromEntries(names.map((name, i) => [name, life.callers && i === 0 ? SERVED : NOBODY]));
  const blips = new Blips(random, header.vantages);
  for (let t = 0; t < life.hours * 3_600; t += INTERVAL_S) {
    const isBlip = blips.areOn(t);
    const seen: Record<string, Record<string, SeenFromVantage>> = {};
    for (const name of names) {
      const from: Record<string, SeenFromVantage> = {};
      for (const vantage of header.vantages) from[vantage] = look(random, isBlip(vantage) ? BLIP_FAILURES : life.noise);
      seen[name] = from;
    }
    simulation.take({ t, seen, traffic, self: SELF } satisfies TraceTick);
  }
  return simulation;
}

/** Every vantage loses the network once an hour, at a time of its own. */
class Blips {
  readonly #beginS = new Map<string, number>();

  constructor(
    private readonly random: Random,
    vantages: readonly string[],
  ) {
    for (const vantage of vantages) this.#beginS.set(vantage, random.between(0, 3_600));
  }

  areOn(t: number): (vantage: string) => boolean {
    for (const [vantage, beginS] of this.#beginS)
      if (t > beginS + BLIP_S) this.#beginS.set(vantage, beginS + 3_600 + this.random.between(-600, 600));
    return (vantage) => t >= (this.#beginS.get(vantage) ?? Infinity);
  }
}

/** One chance a probe; nearly all looks are without any failure, and those are one and the same object. */
function look(random: Random, share: number): SeenFromVantage {
  const [http, generation, metrics, gpu] = [random.next(), random.next(), random.next(), random.next()];
  if (http >= share && generation >= share && metrics >= share && gpu >= share) return WELL;
  return {
    http: http < share ? { error: 'timeout', ms: 1_000 } : (WELL.http ?? null),
    fresh: random.next() < share ? { error: 'timeout', ms: 500 } : { status: 200, ms: 5 },
    gpu: gpu < share ? null : (WELL.gpu ?? null),
    memory: WELL.memory ?? null,
    metrics: metrics < share ? null : (WELL.metrics ?? null),
    generation: generation < share ? { ok: false, error: 'timeout' } : (WELL.generation ?? null),
    identity: http < share ? null : MODEL,
  };
}

function headerOf({ vantages, standbys }: OrdinaryLife): TraceHeader {
  const names = ['eu-a', 'us-b', 'ap-c'].slice(0, standbys + 1);
  return {
    trace: 'ordinary life',
    interval: INTERVAL_S,
    service: 'chat',
    failback: 'auto',
    vantages: Array.from({ length: vantages }, (_, i) => `v${i + 1}`),
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
