/** The stories of the corpus, told with any numbers: when it begins, how noisy it is, how much traffic, seen from how many places. */
import type { ExpectedMove, TraceHeader, TraceTick } from '../../src/domain/simulation/trace.js';
import type { SelfSeen } from '../../src/domain/health/types.js';
import type { Verdict } from '../../src/domain/words.js';
import { ClusterModel, type Condition } from './cluster-model.js';
import { randomFrom } from './random.js';

export interface Weather {
  readonly seed: number;
  /** s */
  readonly onset: number;
  /** Share of probes that fail by chance. */
  readonly noise: number;
  /** Requests per second of the primary. */
  readonly load: number;
  readonly vantages: number;
  /** s */
  readonly interval: number;
  /** Ticks come this much earlier or later at most, as a share of the interval. */
  readonly jitter: number;
  readonly standbys: 1 | 2;
  /** Share of bad requests in gray stories. */
  readonly badShare: number;
}

export interface Story {
  readonly name: string;
  readonly engine?: string;
  readonly failback?: TraceHeader['failback'];
  /** Stories that only callers can tell need some; those of the night have none. */
  readonly load?: 'some' | 'none';
  /** Instead of the weather's: in a hundred seconds without callers a smaller share is not always seen. */
  readonly badShare?: number;
  /** s after the onset that the trace goes on. */
  readonly lasts?: number;
  /** `undefined`: it is well. */
  condition(cluster: string, s: number, weather: Weather): Condition | undefined;
  /** What one of the vantages sees instead. */
  seenFrom?(vantage: number, cluster: string, s: number, weather: Weather): Condition | undefined;
  self?(s: number, weather: Weather): Partial<SelfSeen>;
  /** Ticks that are missing. */
  isSkipped?(s: number): boolean;
  /** The move that is right; `within` in s after the onset. */
  readonly move?: { readonly to?: string; within(weather: Weather): number };
  readonly verdicts?: (weather: Weather) => readonly { cluster: string; is: Verdict; at: number }[];
}

const since = (condition: Condition) => (cluster: string, s: number) =>
  cluster === 'eu-a' && s >= 0 ? condition : undefined;

/** `s` is the time since the onset; before it is negative. Windows: docs/health.md's bounds, an interval of grace. */
export const STORIES: readonly Story[] = [
  { name: 'host dead', condition: since('refused'), move: { within: (w) => 5 * w.interval } },
  { name: 'blackhole', condition: since('silent'), move: { within: (w) => 5 * w.interval } },
  { name: 'hang under load', load: 'some', condition: since('hung'), move: { within: (w) => 12 + 3 * w.interval } },
  { name: 'hang at night', load: 'none', condition: since('hung'), move: { within: (w) => 10 + 5 * w.interval } },
  { name: 'engine gone', load: 'some', condition: since('engine-gone'), move: { within: (w) => 12 + 3 * w.interval } },
  { name: 'decode stall', condition: since('decode-stall'), move: { within: (w) => 10 + 6 * w.interval } },
  {
    name: 'gray errors',
    load: 'some',
    lasts: 240,
    condition: since('errors'),
    move: { within: (w) => 10 + 25 * w.interval },
  },
  {
    name: 'cut streams',
    load: 'some',
    lasts: 240,
    condition: since('cutting'),
    move: { within: (w) => 10 + 25 * w.interval },
  },
  { name: 'garbage', lasts: 240, condition: since('garbage'), move: { within: (w) => 35 + 20 * w.interval } },
  { name: 'gpu lost', condition: since('gpu-lost'), move: { within: (w) => 5 + 6 * w.interval } },
  { name: 'slow', condition: since('slow'), move: { within: (w) => 10 + 6 * w.interval } },
  {
    name: 'memory full on a generic engine',
    engine: 'generic',
    condition: since('memory-high'),
    move: { within: (w) => 5 + 6 * w.interval },
  },
  ...(['refused', 'silent', 'gpu-lost', 'slow'] as const).map((bad): Story => {
    return {
      name: `a generic engine is bad (${bad})`,
      engine: 'generic',
      condition: since(bad),
      move: { within: (w) => 10 + 6 * w.interval },
    };
  }),
  { name: 'memory full on vLLM', condition: since('memory-high') },
  { name: 'metrics vanish', condition: since('metrics-gone') },
  { name: 'long prefill', load: 'some', condition: since('long-prefill') },
  { name: 'quota', load: 'some', condition: since('quota') },
  { name: 'client errors', load: 'some', condition: since('client-errors') },
  {
    name: 'overload',
    load: 'some',
    condition: since('overloaded'),
    verdicts: (w) => [{ cluster: 'eu-a', is: 'overloaded', at: w.onset + 30 * w.interval }],
  },
  { name: 'calm', condition: () => undefined },
  {
    name: 'blips shorter than the horizon',
    // 1.6 s of every 60: at most two ticks of an interval of 1 s, one of longer ones.
    condition: (_cluster, s) => (s >= 0 && s % 60 < 1.6 ? 'silent' : undefined),
  },
  {
    name: 'probers lost the way, callers are served',
    load: 'some',
    condition: () => undefined,
    seenFrom: (_vantage, cluster, s) => (cluster === 'eu-a' && s >= 0 ? 'silent' : undefined),
    verdicts: (w) => [{ cluster: 'eu-a', is: 'unreachable', at: w.onset + 15 * w.interval }],
  },
  {
    name: 'a minority of the vantages is blind',
    condition: () => undefined,
    seenFrom: (vantage, _cluster, s, w) =>
      s >= 0 && vantage < Math.floor((w.vantages - 1) / 2) ? 'silent' : undefined,
  },
  {
    name: 'every cluster at once',
    condition: (_cluster, s) => (s >= 0 ? 'silent' : undefined),
  },
  {
    name: 'every cluster refuses at once, nobody calls',
    load: 'none',
    condition: (_cluster, s) => (s >= 0 ? 'refused' : undefined),
  },
  {
    name: 'the observer starves',
    condition: () => undefined,
    seenFrom: (_vantage, _cluster, s) => (s >= 0 ? 'silent' : undefined),
    self: (s) => (s >= 0 ? { lag: 1_500, late: 3, control: false } : {}),
  },
  { name: 'ticks are missing', condition: () => undefined, isSkipped: (s) => s >= 0 && s < 60 },
  { name: 'the standby dies', condition: (c, s) => (c === 'us-b' && s >= 0 ? 'refused' : undefined) },
  {
    name: 'the standby serves another model',
    condition: (c, s) => (c !== 'eu-a' ? 'other-model' : s >= 0 ? 'refused' : undefined),
  },
  {
    name: 'crash, load, well again, before the soak is over',
    failback: 'auto',
    lasts: 330,
    condition: (c, s) => (c !== 'eu-a' || s < 0 || s > 200 ? undefined : s < 15 ? 'refused' : 'loading'),
    move: { within: (w) => 4 * w.interval },
  },
  {
    name: 'flapping',
    failback: 'auto',
    lasts: 900,
    condition: (c, s) => (c === 'eu-a' && s >= 0 && s % 120 < 60 ? 'refused' : undefined),
    move: { within: (w) => 4 * w.interval },
  },
];

/** Two standbys, the first of which is bad before the primary fails. */
export const TWO_STANDBYS: readonly Story[] = [
  ...(['refused', 'hung', 'errors', 'garbage', 'gpu-lost', 'other-model', 'silent'] as const).map((bad): Story => {
    return {
      name: `the first standby is bad (${bad}), the second takes over`,
      lasts: 90,
      badShare: 0.6,
      condition: (c, s) => (c === 'us-b' && s >= -100 ? bad : c === 'eu-a' && s >= 0 ? 'silent' : undefined),
      move: { to: 'ap-c', within: (w) => 10 + 6 * w.interval },
    };
  }),
  {
    name: 'primary and first standby go together, callers say so',
    load: 'some',
    condition: (c, s) => (c !== 'ap-c' && s >= 0 ? 'refused' : undefined),
    move: { to: 'ap-c', within: (w) => 10 + 6 * w.interval },
  },
  {
    name: 'primary and first standby go together, nobody calls',
    load: 'none',
    condition: (c, s) => (c !== 'ap-c' && s >= 0 ? 'silent' : undefined),
  },
];

export interface Told {
  readonly header: TraceHeader;
  readonly ticks: readonly TraceTick[];
}

const MODEL = 'llama-3.1-70b';

/** Writes the trace of a story. The same weather gives the same trace. */
export function tell(story: Story, weather: Weather): Told {
  const random = randomFrom(weather.seed);
  const names = ['eu-a', 'us-b', 'ap-c'].slice(0, weather.standbys + 1);
  const engine = story.engine ?? 'vllm';
  const settings = { engine, model: MODEL, concurrency: 256, badShare: story.badShare ?? weather.badShare };
  const models = new Map(names.map((name) => [name, new ClusterModel(settings, random)]));
  const load = story.load === 'none' ? 0 : weather.load;
  const end = weather.onset + (story.lasts ?? 60 + 20 * weather.interval);
  const ticks: TraceTick[] = [];
  for (let slot = 0; slot * weather.interval <= end; slot += 1) {
    const t = slot === 0 ? 0 : (slot + random.between(0, weather.jitter)) * weather.interval;
    const s = t - weather.onset;
    if (story.isSkipped?.(s) !== true) ticks.push(tickOf({ story, weather, models, load, t }, random.whole(0, 3)));
  }
  return { header: headerOf(story, weather, names, engine), ticks };
}

interface Moment {
  readonly story: Story;
  readonly weather: Weather;
  readonly models: ReadonlyMap<string, ClusterModel>;
  readonly load: number;
  readonly t: number;
}

function tickOf({ story, weather, models, load, t }: Moment, lag: number): TraceTick {
  const s = t - weather.onset;
  const seen: Record<string, Record<string, ReturnType<ClusterModel['seen']>>> = {};
  const traffic: Record<string, ReturnType<ClusterModel['traffic']>> = {};
  for (const [name, model] of models) {
    const condition = story.condition(name, s, weather) ?? 'well';
    const requests = name === 'eu-a' ? load * weather.interval : 0;
    model.work(condition, requests);
    seen[name] = {};
    for (let v = 0; v < weather.vantages; v += 1) {
      const from = story.seenFrom?.(v, name, s, weather) ?? condition;
      seen[name][`v${v + 1}`] = model.seen(from, weather.noise);
    }
    traffic[name] = model.traffic(condition, requests);
  }
  return { t, seen, traffic, self: { lag, late: 0, control: true, ...story.self?.(s, weather) } };
}

function headerOf(story: Story, weather: Weather, names: readonly string[], engine: string): TraceHeader {
  const { onset } = weather;
  const moves: ExpectedMove[] =
    story.move === undefined
      ? []
      : [
          {
            kind: 'failover',
            from: 'eu-a',
            to: story.move.to ?? '*',
            after: onset,
            within: story.move.within(weather),
          },
        ];
  return {
    trace: story.name,
    interval: weather.interval,
    service: 'chat',
    failback: story.failback ?? 'approve',
    vantages: Array.from({ length: weather.vantages }, (_, v) => `v${v + 1}`),
    clusters: names.map((name, i) => ({
      name,
      role: i === 0 ? 'primary' : 'standby',
      engine,
      region: name.slice(0, 2),
      model: MODEL,
      concurrency: 256,
    })),
    expect: { moves, verdicts: story.verdicts?.(weather) ?? [] },
  };
}
