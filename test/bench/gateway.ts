/**
 * bench:gateway: what the gateway costs, beside a direct call and a bare Node + undici pass-through, in one run on one
 * machine. The contestants take turns, so that what else the machine does meets all of them; what counts are ratios.
 * Prints one JSON line; exit code 1 when a goal is missed.
 *
 *     npm run bench:gateway -- --rounds 5 --streams 8000 --haproxy --envoy --portkey --litellm --soak 600
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startOurs, startPassThrough, startUpstream, type Contestant } from './gateway/contestants.js';
import { GOALS, median, ratiosOf, round2, speedOf, type Round } from './gateway/figures.js';
import { OTHERS, startOther } from './gateway/other-gateways.js';
import { openStreams, pace } from './gateway/streams.js';
import { requireWrk, writeScript, wrk } from './gateway/wrk.js';
import { progress, report } from './stage.js';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    /** Open at once for the memory; 0 leaves it out. A process here has 20,000 file descriptors, a stream takes two. */
    streams: { type: 'string', default: '8000' },
    /** Seconds under load at the end, for growth. */
    soak: { type: 'string', default: '0' },
    haproxy: { type: 'boolean', default: false },
    envoy: { type: 'boolean', default: false },
    portkey: { type: 'boolean', default: false },
    litellm: { type: 'boolean', default: false },
  },
});
const ROUNDS = Number(flags.rounds);
const SECONDS = Number(flags.seconds);
const STREAMS = Number(flags.streams);
const SOAK_S = Number(flags.soak);
const CROWD = 64;
const PACED = { streams: 10, tokens: 50 };
/** Open streams speak once a second; after this many the garbage of the opening is gone. */
const HELD_MS = 15_000;

async function main(): Promise<void> {
  requireWrk();
  const dir = mkdtempSync(join(tmpdir(), 'understudy-bench-gateway-'));
  const upstream = await startUpstream();
  const contestants: Contestant[] = [upstream];
  try {
    contestants.push(await startPassThrough(upstream.port), await startOurs(upstream.port, dir));
    for (const name of OTHERS) {
      if (flags[name]) contestants.push(await startOther(name, upstream.port, dir));
    }
    await finish(await measureAll(contestants, dir), contestants, dir);
  } finally {
    for (const { child } of contestants.reverse()) await child.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

const driven = ({ name, url, headers = {} }: Contestant, dir: string) => ({
  url,
  script: writeScript(join(dir, `${name}.lua`), headers),
  seconds: SECONDS,
});

type Rounds = ReadonlyMap<Contestant, Round[]>;

async function measureAll(contestants: readonly Contestant[], dir: string): Promise<Rounds> {
  const rounds = new Map(contestants.map((c) => [c, [] as Round[]]));
  for (const each of contestants) await wrk({ ...driven(each, dir), connections: CROWD }); // compiles
  for (let i = 0; i < ROUNDS; i += 1) {
    for (const each of contestants) {
      const alone = await wrk({ ...driven(each, dir), connections: 1 });
      const before = each.child.cpuMs();
      const crowd = await wrk({ ...driven(each, dir), connections: CROWD });
      const cpuUsPerRequest = (1_000 * (each.child.cpuMs() - before)) / crowd.requests;
      rounds.get(each)?.push({ alone, crowd, cpuUsPerRequest });
      progress(
        `${each.name}: p50 ${alone.p50Us} us, ${Math.round(crowd.perSecond)}/s, ${round2(cpuUsPerRequest)} us of a core`,
      );
    }
  }
  return rounds;
}

async function finish(rounds: Rounds, contestants: readonly Contestant[], dir: string): Promise<void> {
  const [direct, bare, ours] = contestants;
  if (direct === undefined || bare === undefined || ours === undefined) throw new Error('a contestant is missing');
  const of = (c: Contestant): readonly Round[] => rounds.get(c) ?? [];
  const speed = Object.fromEntries(contestants.map((c) => [c.name, speedOf(of(c), of(direct))]));
  const ratios = Object.fromEntries(
    contestants.filter((c) => c !== direct && c !== bare).map((c) => [c.name, ratiosOf(of(c), of(bare), of(direct))]),
  );
  const streaming = await paceAll(contestants);
  const kibPerStream = STREAMS === 0 ? null : { bare: await memoryOf(bare), ours: await memoryOf(ours) };
  const growth = SOAK_S === 0 ? null : await soak(ours, dir);
  const { addedLatency = Number.NaN, cpuPerRequest = Number.NaN } = ratios['ours'] ?? {};
  const met =
    addedLatency <= GOALS.addedLatency &&
    cpuPerRequest <= GOALS.cpuPerRequest &&
    (kibPerStream?.ours ?? 0) <= GOALS.kibPerStream &&
    (growth?.grewPct ?? 0) <= GROWTH_PCT_MAX;
  report('gateway', {
    rounds: ROUNDS,
    ratios,
    speed,
    streaming,
    streams: STREAMS,
    kibPerStream,
    growth,
    goals: GOALS,
    met,
  });
  if (!met) process.exitCode = 1;
}

/** In turn, a stream each, so that all meet the same weather. */
async function paceAll(contestants: readonly Contestant[]): Promise<Record<string, unknown>> {
  const seen = new Map(contestants.map((c) => [c.name, { firstTokenUs: [] as number[], latenessUs: [] as number[] }]));
  for (let i = 0; i < PACED.streams; i += 1) {
    for (const { name, url, headers = {} } of contestants) {
      const { firstTokenUs, latenessUs } = await pace({ url, headers, tokens: PACED.tokens });
      seen.get(name)?.firstTokenUs.push(...firstTokenUs);
      seen.get(name)?.latenessUs.push(...latenessUs);
    }
  }
  const directUs = median(seen.get('direct')?.latenessUs ?? []);
  return Object.fromEntries(
    [...seen].map(([name, { firstTokenUs, latenessUs }]) => [
      name,
      {
        firstTokenUsP50: Math.round(median(firstTokenUs)),
        addedPerTokenUsP50: Math.round(median(latenessUs) - directUs),
      },
    ]),
  );
}

async function memoryOf({ name, url, child }: Contestant): Promise<number> {
  const before = child.memoryBytes();
  const streams = await openStreams({ url, headers: {} }, STREAMS);
  await sleep(HELD_MS);
  const kib = round2((child.memoryBytes() - before) / 1_024 / streams.open);
  streams.close();
  progress(`${name}: ${kib} KiB for each of ${streams.open} open streams`);
  return kib;
}

/** Memory at the end of a long load may be this much above that at its first tenth. */
const GROWTH_PCT_MAX = 10;

async function soak(ours: Contestant, dir: string) {
  const slice = async (): Promise<number> => {
    await wrk({ ...driven(ours, dir), connections: CROWD, seconds: Math.max(1, Math.round(SOAK_S / 10)) });
    return ours.child.memoryBytes();
  };
  const bytes: number[] = [];
  for (let i = 0; i < 10; i += 1) bytes.push(await slice());
  const [first = 1] = bytes;
  return {
    seconds: SOAK_S,
    mib: bytes.map((b) => Math.round(b / 1_048_576)),
    grewPct: round2((100 * (Math.min(...bytes.slice(-3)) - first)) / first),
  };
}

await main();
