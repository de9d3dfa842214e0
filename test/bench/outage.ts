/**
 * bench:outage: thousands of callers, half of them with streams, while the cluster that serves them is killed, stopped,
 * answers errors, cuts, stalls, or is left on purpose, and while a process of the gateway itself is killed. Every answer
 * is compared with the one that its prompt must give. Everything is real: Temporal, gateway, workers, simulated clusters;
 * each break begins with both clusters well, and comes several times, now to the one cluster, now to the other. Exit code
 * 1 when anything was lost, wrong or cut (but for the connections of the killed process), or a continued caller waited too
 * long.
 *
 *     npm run bench:outage -- --requests 2000 --only kill,stall
 */
import { parseArgs } from 'node:util';
import type { LoadResult } from '../../src/simulator/load-request.js';
import { startLoad } from '../../src/simulator/load.js';
import { eventually } from '../kit/eventually.js';
import { BREAKS, type Break } from './outage/breaks.js';
import { observeBreaks } from './outage/observe.js';
import { figuresOf, type BreakFigures, type Played } from './outage/figures.js';
import { MODEL, openScene, SERVICE, type Scene } from './outage/scene.js';
import { percentile, progress, report } from './stage.js';

const { values: flags } = parseArgs({
  options: {
    /** For each break, all its rounds together; more leave when it takes longer than they do. */
    requests: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '40' },
    only: { type: 'string', default: BREAKS.map((b) => b.name).join(',') },
  },
});
const ROUNDS = Number(flags.rounds);
const REQUESTS = Number(flags.requests) / ROUNDS;
const RATE = Number(flags.rate);
/** The steady state that must not be felt to end: this share of the requests has an answer before the break. */
const BEFORE_SHARE = 0.15;
/** Up to three seconds of a stream. */
const TOKENS_MAX = 150;
const STEP_MS_MAX = 120_000;
/** Streams that the cluster without traffic has had before a break, about as many as a break sends there at once. */
const SERVED_BEFORE = 50;

async function main(): Promise<void> {
  const names = flags.only.split(',');
  const figures: BreakFigures[] = [];
  for (const workers of [1, 2]) {
    const breaks = BREAKS.filter((b) => b.workers === workers && names.includes(b.name));
    if (breaks.length > 0) figures.push(...(await playAll(breaks, workers)));
  }
  const sum = (key: 'requests' | 'streams' | 'lost' | 'wrong' | 'cut' | 'taken' | 'continued'): number =>
    figures.reduce((all, each) => all + each[key], 0);
  const met = figures.every((each) => each.met);
  report('outage', {
    requests: sum('requests'),
    streams: sum('streams'),
    lost: sum('lost'),
    wrong: sum('wrong'),
    cut: sum('cut'),
    taken: sum('taken'),
    continued: sum('continued'),
    breaks: figures,
    met,
  });
  if (!met) process.exitCode = 1;
}

async function playAll(breaks: readonly Break[], workers: number): Promise<readonly BreakFigures[]> {
  const scene = await openScene(workers);
  const figures: BreakFigures[] = [];
  try {
    for (const each of breaks) {
      progress(`${each.name}: ${each.about}`);
      const rounds: Played[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        rounds.push(await playRound(scene, each));
        progress(JSON.stringify(figuresOf(`${each.name} ${round + 1}`, rounds.slice(-1))));
      }
      figures.push(figuresOf(each.name, rounds));
    }
  } finally {
    await scene.close();
  }
  return figures;
}

/** Both clusters are well before, and well again after. */
async function playRound(scene: Scene, each: Break): Promise<Played> {
  // The one that takes over has served before, as engines have: its first answers are not those of a fresh process.
  await firstTokenOf(scene, { streams: SERVED_BEFORE, together: true });
  const played = await play(scene, each);
  await scene.calm();
  const streams = played.results.filter((r) => r.continued).length;
  return { ...played, firstTokenMsP50: await firstTokenOf(scene, { streams, together: each.together }) };
}

/** Callers before, during and after one break. */
async function play(scene: Scene, each: Break): Promise<Omit<Played, 'firstTokenMsP50'>> {
  const results: LoadResult[] = [];
  const feltAtMs: number[] = [];
  let takenMax = 0;
  const load = startLoad({
    url: scene.gatewayUrl,
    model: SERVICE,
    requestsPerSecond: RATE,
    concurrencyMax: 1_024,
    maxTokens: each.tokensEach ?? TOKENS_MAX,
    ignoreEos: each.tokensEach !== undefined,
    timeoutMs: STEP_MS_MAX,
    onResult: (result) => results.push(result),
  });
  try {
    await eventually(() => results.length >= BEFORE_SHARE * REQUESTS, STEP_MS_MAX);
    const detection = await detectionOf(scene, each);
    await each.play(scene, (callers = 0) => {
      feltAtMs.push(Date.now());
      takenMax += callers;
    });
    await eventually(() => results.length >= REQUESTS, STEP_MS_MAX);
    return { results, feltAtMs, takenMax, detectionMs: await detection() };
  } finally {
    await load.stop();
  }
}

/** To be asked when it is over: from a stream's last token to the moment when its break can be known, ms. */
async function detectionOf(scene: Scene, { detectionMs }: Break): Promise<() => Promise<number | null>> {
  if (detectionMs !== 'observed') return async () => await Promise.resolve(detectionMs);
  const observed = await observeBreaks(scene.urlOf(await scene.carrier()), MODEL, TOKENS_MAX);
  return async () => await observed.detectionMs();
}

/**
 * Half of so many streams have their first token within, ms, at the cluster without traffic: when all come at once, with as
 * many whole answers, as they do when a cluster is lost, or one after the other.
 */
async function firstTokenOf(
  scene: Scene,
  { streams, together }: { readonly streams: number; readonly together: boolean },
): Promise<number | null> {
  if (streams === 0) return null;
  const total = together ? 2 * streams : streams;
  const results: LoadResult[] = [];
  const load = startLoad({
    url: scene.urlOf((await scene.carrier()) === 'one' ? 'two' : 'one'),
    model: MODEL,
    requestsPerSecond: 10_000,
    concurrencyMax: together ? total : 1,
    total,
    streamShare: together ? 0.5 : 1,
    maxTokens: together ? TOKENS_MAX : 1,
    timeoutMs: STEP_MS_MAX,
    onResult: (result) => results.push(result),
  });
  await load.done;
  const seen = results.filter((r) => r.stream);
  return percentile(
    seen.map((r) => (r.firstByteAtMs ?? Number.POSITIVE_INFINITY) - r.startedAtMs),
    0.5,
  );
}

await main();
