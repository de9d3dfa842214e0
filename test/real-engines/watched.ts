/** A watcher on a real engine, as a probe worker runs it, stepping for as long as the test lasts. */
import { probeDefaults } from '../../src/domain/health/probe-defaults.js';
import { beginVantage, type VantageHealth } from '../../src/domain/health/vantage.js';
import type { Verdict } from '../../src/domain/words.js';
import { createWatcher } from '../../src/probes/watcher.js';
import { eventually } from '../kit/eventually.js';
import { clusterSpec } from '../kit/fleet.js';
import { MODEL, type RealEngine } from './engine.js';

/** An engine that starts again is watched all the while, so this covers its start. */
const VERDICT_MS_MAX = 120_000;

export interface Watched {
  /** Waits for the verdict; answers with the sentences of its evidence. */
  becomes(verdict: Verdict): Promise<readonly string[]>;
  close(): Promise<void>;
}

export function watch(name: string, engine: RealEngine): Watched {
  const { kind } = engine.recipe;
  const defaults = probeDefaults(kind);
  const generation = defaults.generation;
  const cluster = clusterSpec(name, {
    url: engine.url,
    engine: kind,
    model: MODEL,
    // A random model cannot repeat a few words.
    probes: { ...defaults, generation: generation === null ? null : { ...generation, golden: false } },
    health: { intervalMs: 2_000, fall: 3, rise: 3, gray: { failures: 5, of: 10 } },
  });
  const end = new AbortController();
  const sources = { trafficState: async () => await Promise.resolve(null) };
  const watcher = createWatcher({ cluster, services: ['chat'], sources, signal: end.signal, now: Date.now });
  let health: VantageHealth = beginVantage(Date.now());
  const done = (async (): Promise<void> => {
    while (!end.signal.aborted) health = await watcher.step(health);
  })().catch((error: unknown) => {
    if (!end.signal.aborted) throw error;
  });
  const told = (): string => `${health.verdict}: ${JSON.stringify(health.evidence)}`;
  return {
    becomes: async (verdict) => {
      await eventually(() => health.verdict === verdict, VERDICT_MS_MAX).catch((error: unknown) => {
        throw new Error(`${name} is not ${verdict} but ${told()}`, { cause: error });
      });
      return health.evidence.map((e) => `${e.dimension}: ${e.seen}`);
    },
    close: async () => {
      end.abort();
      watcher.close();
      await done;
    },
  };
}
