/** All processes of an instance: started stage by stage, ended in the opposite order. */
import { join } from 'node:path';
import { openLogFile, type LogFile } from './log-file.js';
import { startNodeChild } from './node-child.js';
import type { Roster, RosterEntry } from './roster.js';
import { supervise, type Life, type Supervised } from './supervised.js';

export interface RunOrder {
  readonly roster: Roster;
  readonly dataDir: string;
  readonly adminToken: string;
  /** One life of the embedded Temporal; `null` when somebody else runs it. */
  readonly startTemporal: ((log: LogFile) => Promise<Life>) | null;
  readonly onEvent: (text: string) => void;
  /** Told after every start of a process. */
  readonly onPids: () => void;
}

export interface InstanceRun {
  readonly processes: readonly Supervised[];
  startDataPlane(): Promise<void>;
  startWorkers(): Promise<void>;
  startLoad(): Promise<void>;
  /** Load first, then who decides, then who serves, Temporal last; at most 9 s in all. */
  stop(): Promise<void>;
  kill(): void;
}

/** Longest patience with each stage, ms; their sum stays below the 10 s in which an instance ends. */
const GRACE_MS = { load: 1_000, workers: 2_500, dataPlane: 2_000, temporal: 3_500 } as const;
type Stage = keyof typeof GRACE_MS;
const STOP_ORDER: readonly Stage[] = ['load', 'workers', 'dataPlane', 'temporal'];

/** Nothing runs until a stage is started. */
export function prepareInstance(order: RunOrder): InstanceRun {
  const stages: Record<Stage, Supervised[]> = { load: [], workers: [], dataPlane: [], temporal: [] };
  const logs: LogFile[] = [];
  const logOf = (name: string): LogFile => {
    const log = openLogFile(join(order.dataDir, 'logs', `${name.replaceAll(' ', '-')}.log`));
    logs.push(log);
    return log;
  };
  const run = async (stage: Stage, name: string, start: (log: LogFile) => Promise<Life>): Promise<void> => {
    const log = logOf(name);
    const child = supervise({
      name,
      start: async () => await start(log),
      onEvent: order.onEvent,
      onStart: order.onPids,
    });
    stages[stage].push(child);
    await child.ready;
  };
  const runAll = async (stage: Stage, entries: readonly RosterEntry[]): Promise<void> => {
    await Promise.all(entries.map(async (entry) => await run(stage, entry.name, nodeChild(order, entry))));
  };
  const all = (): Supervised[] => STOP_ORDER.flatMap((stage) => stages[stage]);
  const { startTemporal, roster } = order;
  return {
    get processes() {
      return all().reverse();
    },
    startDataPlane: async () => {
      const temporal = startTemporal === null ? [] : [run('temporal', 'temporal', startTemporal)];
      await Promise.all([...temporal, runAll('dataPlane', roster.stages.dataPlane)]);
    },
    startWorkers: async () => await runAll('workers', roster.stages.workers),
    startLoad: async () => await runAll('load', roster.stages.load),
    stop: async () => {
      for (const stage of STOP_ORDER) {
        await Promise.all(stages[stage].map(async (child) => await child.stop(GRACE_MS[stage])));
      }
      for (const log of logs) log.close();
    },
    kill: () => {
      for (const child of all()) child.kill();
    },
  };
}

function nodeChild(order: RunOrder, { args }: RosterEntry): (log: LogFile) => Promise<Life> {
  const env = { ...process.env, UNDERSTUDY_ADMIN_TOKEN: order.adminToken, UNDERSTUDY_DATA_DIR: order.dataDir };
  return async (log) => await Promise.resolve(startNodeChild({ args, env, log }));
}
