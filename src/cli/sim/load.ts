/** `sim load`: requests with known right answers, a live line on a terminal, and an exit status that tells. */
import type { Command } from 'commander';
import { dataDir, readInstance } from '../../config/instance.js';
import { CodedError } from '../../domain/errors.js';
import { PROMPT_KINDS, type PromptKind } from '../../simulator/load-prompts.js';
import { startLoad, type LoadOptions, type LoadRun } from '../../simulator/load.js';
import type { LoadSummary, Percentiles } from '../../simulator/load-summary.js';
import { durationOption, given, numberOption, usageError, wholeOption } from './arguments.js';

const LINE_EVERY_MS = 200;
const SERVICE_DEFAULT = 'chat';
const RATE_DEFAULT = 5;

interface LoadFlags {
  readonly url?: string;
  readonly service: string;
  readonly rate?: string;
  readonly streamShare?: string;
  readonly concurrency?: string;
  readonly maxTokens?: string;
  readonly kinds?: string;
  readonly total?: string;
  readonly for?: string;
  readonly timeout?: string;
  readonly dataDir?: string;
  readonly json?: boolean;
}

export function addLoadVerb(sim: Command): void {
  sim
    .command('load')
    .description('send requests and check every answer; exit 1 when anything was lost, cut or wrong')
    .option('--url <url>', "target on this machine (default: the instance's gateway)")
    .option('--service <name>', 'service or model to ask for', SERVICE_DEFAULT)
    .option('--rate <n>', `requests a second (default ${String(RATE_DEFAULT)})`)
    .option('--stream-share <p>', 'share that streams, 0 to 1 (default 0.5)')
    .option('--concurrency <n>', 'requests at once (default 256)')
    .option('--max-tokens <n>', 'longest answer (default 48)')
    .option('--kinds <list>', `prompts, of ${PROMPT_KINDS.join(',')} (default all)`)
    .option('--total <n>', 'end after so many requests')
    .option('--for <duration>', 'end after so long, such as 30s')
    .option('--timeout <duration>', 'for one request (default 120s)')
    .option('--data-dir <dir>', 'data directory of the instance')
    .option('--json', 'print the summary as JSON')
    .action(async (flags: LoadFlags) => {
      const stop = new AbortController();
      const run = startLoad({ ...readOptions(flags), signal: stop.signal });
      const summary = await follow(run, stop, flags, durationOption('--for', flags.for));
      process.stdout.write(`${flags.json === true ? JSON.stringify(summary) : inWords(summary)}\n`);
      if (summary.lost + summary.cut + summary.wrong > 0) process.exitCode = 1;
    });
}

function readOptions(flags: LoadFlags): LoadOptions {
  return {
    url: flags.url ?? gatewayUrl(flags),
    model: flags.service,
    requestsPerSecond: numberOption('--rate', flags.rate, { min: 0.001, max: 10_000 }) ?? RATE_DEFAULT,
    ...given({
      streamShare: numberOption('--stream-share', flags.streamShare, { min: 0, max: 1 }),
      concurrencyMax: wholeOption('--concurrency', flags.concurrency, { min: 1, max: 10_000 }),
      maxTokens: wholeOption('--max-tokens', flags.maxTokens, { min: 1, max: 32_768 }),
      promptKinds: readKinds(flags.kinds),
      total: wholeOption('--total', flags.total, { min: 1, max: 100_000_000 }),
      timeoutMs: durationOption('--timeout', flags.timeout),
    }),
  };
}

function readKinds(list: string | undefined): readonly PromptKind[] | undefined {
  return list?.split(',').map((name) => {
    const kind = PROMPT_KINDS.find((known) => known === name.trim());
    return kind ?? usageError(`unknown kind of prompt "${name}"; there are ${PROMPT_KINDS.join(', ')}`);
  });
}

function gatewayUrl(flags: LoadFlags): string {
  const dir = dataDir(flags.dataDir);
  const instance = readInstance(dir);
  if (instance !== null) return instance.gateway.url;
  throw new CodedError('no-instance', `no instance is running in ${dir}, and no --url was given`);
}

/** Runs to the end, or to the first Ctrl-C, with one line that is written over and over on a terminal. */
async function follow(
  run: LoadRun,
  stop: AbortController,
  flags: LoadFlags,
  forMs: number | undefined,
): Promise<LoadSummary> {
  const onInterrupt = (): void => {
    stop.abort();
  };
  process.once('SIGINT', onInterrupt);
  const end = forMs === undefined ? null : setTimeout(onInterrupt, forMs);
  const isLive = process.stderr.isTTY && flags.json !== true;
  const line = isLive
    ? setInterval(() => process.stderr.write(`\r\u001b[K${progress(run.summary())}`), LINE_EVERY_MS)
    : null;
  try {
    return await run.done;
  } finally {
    process.off('SIGINT', onInterrupt);
    if (end !== null) clearTimeout(end);
    if (line !== null) clearInterval(line);
    if (isLive) process.stderr.write('\r\u001b[K');
  }
}

function progress({ sent, inFlight, ok, lost, cut, wrong, firstTokenMs }: LoadSummary): string {
  const counts = `sent ${String(sent)} · running ${String(inFlight)} · ok ${String(ok)} · lost ${String(lost)} · cut ${String(cut)} · wrong ${String(wrong)}`;
  return firstTokenMs === null ? counts : `${counts} · first token p95 ${String(Math.round(firstTokenMs.p95))} ms`;
}

function inWords(summary: LoadSummary): string {
  const times = (name: string, values: Percentiles | null): string[] =>
    values === null
      ? []
      : [
          `${name}: p50 ${String(values.p50)} ms, p95 ${String(values.p95)} ms, p99 ${String(values.p99)} ms, max ${String(values.max)} ms`,
        ];
  const counts = (name: string, values: Readonly<Record<string, number>>): string[] => {
    const entries = Object.entries(values).map(([key, count]) => `${key} ${String(count)}`);
    return entries.length === 0 ? [] : [`${name}: ${entries.join(', ')}`];
  };
  return [
    `${String(summary.sent)} requests (${String(summary.streams)} streams) in ${(summary.elapsedMs / 1_000).toFixed(1)} s: ` +
      `${String(summary.ok)} ok, ${String(summary.lost)} lost, ${String(summary.cut)} cut, ${String(summary.wrong)} wrong`,
    ...times('first token', summary.firstTokenMs),
    ...times('whole answer', summary.totalMs),
    ...counts('answered by', summary.byCluster),
    ...counts('failures', summary.failures),
    ...(summary.delayed === 0 ? [] : [`${String(summary.delayed)} requests left late: all places were taken`]),
  ].join('\n');
}
