/** `sim load`: requests with known right answers, a live line on a terminal, and an exit status that tells. */
import type { Command } from 'commander';
import { dataDir, readInstance } from '../../config/instance.js';
import { CodedError } from '../../domain/errors.js';
import { PROMPT_KINDS, type PromptKind } from '../../simulator/load-prompts.js';
import { startLoad, type LoadOptions, type LoadRun } from '../../simulator/load.js';
import type { LoadSummary, Percentiles } from '../../simulator/load-summary.js';
import { EXIT } from '../exit.js';
import { eventLine } from '../long-running.js';
import { show } from '../output.js';
import { does, verb } from '../verb.js';
import { durationOption, given, numberOption, usageError, wholeOption } from './arguments.js';

const LINE_EVERY_MS = 200;
const EVENT_EVERY_MS = 5_000;
const MODEL_DEFAULT = 'chat';
const RATE_DEFAULT = 5;

interface LoadFlags {
  readonly url?: string;
  readonly model: string;
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

export function loadVerb(): Command {
  const command = verb('load', 'Send requests and check every answer; exit 1 when anything was lost, cut or wrong.')
    .option('--url <url>', "target on this machine (default: the instance's gateway)")
    .option('--model <name>', 'service, or model of a cluster, to ask for', MODEL_DEFAULT)
    .option('--rate <n>', `requests a second (default ${String(RATE_DEFAULT)})`)
    .option('--stream-share <p>', 'share that streams, 0 to 1 (default 0.5)')
    .option('--concurrency <n>', 'requests at once (default 256)')
    .option('--max-tokens <n>', 'longest answer (default 48)')
    .option('--kinds <list>', `prompts, of ${PROMPT_KINDS.join(',')} (default all)`)
    .option('--total <n>', 'end after so many requests')
    .option('--for <duration>', 'end after so long, such as 30s')
    .option('--timeout <duration>', 'for one request (default 120s)')
    .option('--data-dir <dir>', 'data directory of the instance');
  return does<LoadFlags>(command, async (flags) => {
    const forMs = durationOption('--for', flags.for);
    const stop = new AbortController();
    const run = startLoad({ ...readOptions(flags), signal: stop.signal });
    const summary = await follow(run, stop, { show: shower(flags), forMs });
    show(summary, flags.json, inWords);
    return summary.lost + summary.cut + summary.wrong > 0 ? EXIT.notDone : EXIT.done;
  });
}

function readOptions(flags: LoadFlags): LoadOptions {
  return {
    url: flags.url ?? gatewayUrl(flags),
    model: flags.model,
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

/** Shows how it goes; `everyMs` apart, and once more at the end. */
interface Shower {
  readonly everyMs: number;
  readonly show: (summary: LoadSummary) => void;
  readonly end: () => void;
}

/** A line that is written over and over for a person, events for a supervisor, nothing for a pipe. */
function shower(flags: LoadFlags): Shower | null {
  if (flags.json !== true && process.stderr.isTTY) {
    const clear = '\r\u001b[K';
    return {
      everyMs: LINE_EVERY_MS,
      show: (summary) => void process.stderr.write(`${clear}${progress(summary)}`),
      end: () => void process.stderr.write(clear),
    };
  }
  if (process.send === undefined) return null;
  eventLine({ event: 'ready' });
  return { everyMs: EVENT_EVERY_MS, show: (summary) => eventLine({ event: 'load', ...summary }), end: () => undefined };
}

/** Runs to the end, to the first Ctrl-C or until `forMs` is over; what runs then is finished. */
async function follow(
  run: LoadRun,
  stop: AbortController,
  { show, forMs }: { readonly show: Shower | null; readonly forMs: number | undefined },
): Promise<LoadSummary> {
  const stopSending = (): void => stop.abort();
  process.once('SIGINT', stopSending);
  process.once('SIGTERM', stopSending);
  const end = forMs === undefined ? undefined : setTimeout(stopSending, forMs);
  const showing = show === null ? undefined : setInterval(() => show.show(run.summary()), show.everyMs);
  try {
    return await run.done;
  } finally {
    process.off('SIGINT', stopSending);
    process.off('SIGTERM', stopSending);
    clearTimeout(end);
    clearInterval(showing);
    show?.end();
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
