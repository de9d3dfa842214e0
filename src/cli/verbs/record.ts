/** `understudy record`: what a running system sees, as a trace for `understudy simulate`. Only looks, never changes. */
import { messageOf } from '../../domain/describe-error.js';
import type { Command } from 'commander';
import { formatDuration, parseDuration } from '../../config/duration.js';
import type { WatchedService } from '../../control/recording.js';
import type { SimulatedMove } from '../../domain/simulation/simulate.js';
import { colour, note, show } from '../output.js';
import { UsageError } from '../exit.js';
import { findTarget, withControl, withTarget, type Target, type TargetOptions } from '../target.js';
import { does, verb } from '../verb.js';

interface RecordOptions extends TargetOptions {
  readonly service?: string;
  readonly out: string;
  readonly for: string;
  readonly vantage: string;
  readonly json?: boolean;
}

/** A day of three clusters is about half of what a trace may be. */
const FOR_MS_MAX = 86_400_000;
const PROGRESS_EVERY_MS = 10_000;
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export function recordCommand(): Command {
  const command = verb(
    'record',
    'Watch a cluster, and all others of its service, and write what is seen as a trace for `simulate`. Ctrl-C ends it.',
  )
    .argument('<cluster>', 'a cluster that is watched')
    .requiredOption('--out <file>', 'a new file, .jsonl or .jsonl.gz')
    .option('--service <name>', 'the service, if the cluster serves several (default: its first)')
    .option('--for <duration>', 'how long, at most 24h', '10m')
    .option('--vantage <name>', 'the name of this place in the trace', 'recorder');
  return does<RecordOptions>(withTarget(command), async (options, cluster = '') => {
    const forMs = parseDuration(options.for);
    if (forMs === null || forMs === 0 || forMs > FOR_MS_MAX)
      throw new UsageError(`--for ${options.for}: write a number with a unit, such as 10m, at most 24h`);
    if (!NAME.test(options.vantage))
      throw new UsageError(`--vantage ${options.vantage}: use lower-case letters, digits and hyphens`);
    const summary = await record(findTarget(options), { ...options, cluster, forMs });
    show(summary, options.json, renderSummary);
    return undefined;
  });
}

interface Order {
  readonly cluster: string;
  readonly service?: string;
  readonly out: string;
  readonly vantage: string;
  readonly forMs: number;
}

export interface RecordSummary {
  readonly file: string;
  readonly service: string;
  readonly clusters: readonly string[];
  readonly lines: number;
  /** Before compression. */
  readonly bytes: number;
  readonly seconds: number;
  readonly ended: 'time' | 'signal' | 'full';
  /** What the running system moved meanwhile, as `simulate` tells it. */
  readonly moves: readonly SimulatedMove[];
}

async function record(target: Target, order: Order): Promise<RecordSummary> {
  const { atOneInterval, headerOf, lateMaxOf, lineOf } = await import('../../domain/simulation/recording.js');
  const { TraceWriter } = await import('../simulate/write-trace.js');
  const { watchAndTell } = await import('../../workers/recorder.js');
  const watched = await readService(target, order);
  const members = atOneInterval(watched.clusters);
  const specs = members.map(({ spec }) => spec);
  const begunAtMs = Date.now();
  const recording = { service: watched.service, clusters: specs, vantage: order.vantage, begunAtMs };
  const writer = await TraceWriter.open({
    path: order.out,
    header: headerOf(recording),
    begunAtMs,
    lateMaxMs: lateMaxOf(specs),
  });
  const end = endOf(order.forMs);
  const progress = setInterval(() => tellProgress(writer, begunAtMs), PROGRESS_EVERY_MS);
  try {
    await watchAndTell({
      clusters: members,
      gateway: target.gatewayAdmin,
      signal: end.signal,
      onSeen: (cluster, tick) => {
        if (!writer.add(lineOf(recording, cluster, tick), Date.now())) end.because('full');
      },
    });
  } finally {
    clearInterval(progress);
    end.forget();
    await writer.close();
  }
  return {
    file: order.out,
    service: watched.service.name,
    clusters: specs.map(({ name }) => name),
    lines: writer.lines,
    bytes: writer.bytes,
    seconds: Math.round((Date.now() - begunAtMs) / 100) / 10,
    ended: end.why(),
    moves: await movesSince(target, watched.service.name, begunAtMs),
  };
}

async function readService(target: Target, { cluster, service, out }: Order): Promise<WatchedService> {
  const { readWatchedService } = await import('../../control/recording.js');
  const watched = await withControl(target, async (control) => await readWatchedService(control, cluster, service));
  const names = watched.clusters.map(({ spec }) => spec.name).join(', ');
  note(`recording ${watched.service.name} (${names}) to ${out}; Ctrl-C ends it`);
  if (watched.others.length > 0) note(`${cluster} serves ${watched.others.join(', ')} too: --service records another`);
  if (target.gatewayAdmin === null) note('no gateway is named: what callers meet is not recorded');
  return watched;
}

/** What ends a recording, and which of it did. */
function endOf(forMs: number) {
  const abort = new AbortController();
  let why: RecordSummary['ended'] = 'time';
  const because = (reason: RecordSummary['ended']): void => {
    if (abort.signal.aborted) return;
    why = reason;
    abort.abort();
  };
  const timer = setTimeout(() => because('time'), forMs);
  const onSignal = (): void => because('signal');
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  return {
    signal: abort.signal,
    because,
    why: () => why,
    forget: () => {
      clearTimeout(timer);
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}

/** The file is whole by now: a guard that does not answer costs only this list. */
async function movesSince(target: Target, service: string, begunAtMs: number): Promise<RecordSummary['moves']> {
  const { readHistory } = await import('../../control/history.js');
  try {
    const moves = await withControl(target, async (control) => await readHistory(control, service));
    return moves
      .map((move) => ({ ...move, t: (Date.parse(move.startedAt) - begunAtMs) / 1_000 }))
      .filter(({ t, state }) => t >= 0 && state === 'done')
      .map(({ t, kind, from, to, reason }) => ({ t, kind, from: from.join(', '), to, reason }))
      .reverse();
  } catch (error) {
    note(`the moves of ${service} could not be asked: ${messageOf(error)}`);
    return [];
  }
}

/** A short recording is far below a MiB. */
const size = (bytes: number): string =>
  bytes < 1_048_576 ? `${Math.ceil(bytes / 1_024)} KiB` : `${Math.round(bytes / 104_857.6) / 10} MiB`;

function tellProgress({ lines, bytes }: { readonly lines: number; readonly bytes: number }, begunAtMs: number): void {
  const seconds = Math.round((Date.now() - begunAtMs) / 1_000);
  note(`${formatDuration(seconds * 1_000)}: ${lines} lines, ${size(bytes)}`);
}

export function renderSummary({ file, lines, bytes, seconds, ended, moves }: RecordSummary): string {
  const why = { time: '', signal: ', ended by a signal', full: ', ended because a trace may not be larger' }[ended];
  return [
    `${colour.bold(file)}: ${lines} lines of ${seconds} s, ${size(bytes)}${why}`,
    ...moves.map(({ t, kind, from, to, reason }) => `  ${t.toFixed(1)} s  ${kind} ${from} → ${to}  ${reason}`),
    `next: understudy simulate ${file}`,
  ].join('\n');
}
