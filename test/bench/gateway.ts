/**
 * bench:gateway: what the gateway costs with every feature on, beside a direct call and a bare Node + undici pass-through,
 * in one run on one machine. The contestants take turns, so that what else the machine does meets all of them; what counts
 * are ratios. Prints one JSON line; exit code 1 when a goal is missed. `--help` lists the flags.
 *
 *     npm run bench:gateway -- --rounds 5 --streams 8000 --others --soak 600
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startOurs, startPassThrough, startUpstream, type Contestant, type Ours } from './gateway/contestants.js';
import { GOALS, median, missedGoals, ratiosOf, round2, speedOf, type Round } from './gateway/figures.js';
import { readFlags, type Flags } from './gateway/flags.js';
import { startOther } from './gateway/other-gateways.js';
import { soak } from './gateway/soak.js';
import { openStreams, pace } from './gateway/streams.js';
import { requireWrk, writeScript, wrk } from './gateway/wrk.js';
import { progress, report } from './stage.js';

const CROWD = 64;
const PACED = { streams: 10, tokens: 50 };
/** Open streams speak once a second; after this many the garbage of the opening is gone. */
const HELD_MS = 15_000;
/** The end of a measurement breaks off what runs: code for that is compiled too before anything counts. */
const WARM_UPS = 2;

interface Field {
  readonly direct: Contestant;
  readonly bare: Contestant;
  readonly ours: Ours;
  readonly others: readonly Contestant[];
}

async function main(flags: Flags): Promise<void> {
  requireWrk();
  const dir = mkdtempSync(join(tmpdir(), 'understudy-bench-gateway-'));
  const started: Contestant[] = [];
  const start = async <T extends Contestant>(starting: Promise<T>): Promise<T> => {
    const contestant = await starting;
    started.push(contestant);
    return contestant;
  };
  try {
    const direct = await start(startUpstream());
    const bare = await start(startPassThrough(direct.port));
    const ours = await start(startOurs(direct.port, dir));
    const others: Contestant[] = [];
    for (const name of flags.others) others.push(await start(startOther(name, direct.port, dir)));
    await measure({ direct, bare, ours, others }, dir, flags);
  } finally {
    for (const { child } of started.reverse()) await child.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measure(field: Field, dir: string, flags: Flags): Promise<void> {
  const { bare, ours } = field;
  const { rounds, streams, soakS } = flags;
  const speed = rounds === 0 ? null : await measureSpeed(field, dir, flags);
  const kibPerStream =
    streams === 0 ? null : { bare: await memoryOf(bare, streams), ours: await memoryOf(ours, streams) };
  const growth = soakS === 0 ? null : await soak(ours, dir, soakS);
  const missed = missedGoals({ speed: speed?.ofOurs ?? null, kibPerStream: kibPerStream?.ours ?? null, growth });
  for (const what of missed) progress(`missed: ${what}`);
  const seen = { ...speed?.seen, streams, kibPerStream, growth };
  report('gateway', { rounds, ...seen, goals: GOALS, missed, met: missed.length === 0 });
  if (missed.length > 0) process.exitCode = 1;
}

/** `ofOurs` is what has goals, `seen` is what is reported. */
async function measureSpeed({ direct, bare, ours, others }: Field, dir: string, flags: Flags) {
  const all = [direct, bare, ours, ...others];
  const rounds = await measureAll(all, dir, flags);
  const of = (c: Contestant): readonly Round[] => rounds.get(c) ?? [];
  const speedOfEach = (c: Contestant) => speedOf(of(c), of(direct));
  const ratiosOfEach = (c: Contestant) => ratiosOf(of(c), of(bare), of(direct));
  const { cpuUsPerRequest, failed } = speedOfEach(ours);
  const cpuOfOthers = Object.fromEntries(
    others.map((c) => [c.name, round2(speedOfEach(c).cpuUsPerRequest / cpuUsPerRequest)]),
  );
  const speed = Object.fromEntries(all.map((c) => [c.name, speedOfEach(c)]));
  const ratios = Object.fromEntries([ours, ...others].map((c) => [c.name, ratiosOfEach(c)]));
  const streaming = await paceAll(all);
  return { ofOurs: { ...ratiosOfEach(ours), failed, cpuOfOthers }, seen: { ratios, cpuOfOthers, speed, streaming } };
}

const driven = ({ name, url, headers = {} }: Contestant, dir: string, seconds: number) => ({
  url,
  script: writeScript(join(dir, `${name}.lua`), headers),
  seconds,
});

type Rounds = ReadonlyMap<Contestant, Round[]>;

async function measureAll(
  contestants: readonly Contestant[],
  dir: string,
  { rounds: count, seconds }: Flags,
): Promise<Rounds> {
  const rounds = new Map(contestants.map((c) => [c, [] as Round[]]));
  for (let i = 0; i < WARM_UPS; i += 1)
    for (const each of contestants) await wrk({ ...driven(each, dir, seconds), connections: CROWD });
  for (let i = 0; i < count; i += 1) {
    for (const each of contestants) {
      const alone = await wrk({ ...driven(each, dir, seconds), connections: 1 });
      const before = each.child.cpuMs();
      const crowd = await wrk({ ...driven(each, dir, seconds), connections: CROWD });
      const cpuUsPerRequest = (1_000 * (each.child.cpuMs() - before)) / crowd.requests;
      rounds.get(each)?.push({ alone, crowd, cpuUsPerRequest });
      progress(
        `${each.name}: p50 ${alone.p50Us} us, ${Math.round(crowd.perSecond)}/s, ${round2(cpuUsPerRequest)} us of a core`,
      );
    }
  }
  return rounds;
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

async function memoryOf({ name, url, headers = {}, child }: Contestant, count: number): Promise<number> {
  const before = child.memoryBytes();
  const streams = await openStreams({ url, headers }, count);
  await sleep(HELD_MS);
  const kib = round2((child.memoryBytes() - before) / 1_024 / streams.open);
  streams.close();
  progress(`${name}: ${kib} KiB for each of ${streams.open} open streams`);
  return kib;
}

try {
  const flags = readFlags(process.argv.slice(2));
  if (flags !== null) await main(flags);
} catch (error) {
  progress(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
