/** Feeds a recorded trace through the reducers of production: one vantage memory per cluster and vantage, then the quorum. */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { ClusterSpec, EngineKind } from '../../../src/domain/fleet.js';
import { combineVantages } from '../../../src/domain/health/quorum.js';
import { probeDefaults } from '../../../src/domain/health/probe-defaults.js';
import type { PassiveSeen, SelfSeen, TickSeen } from '../../../src/domain/health/types.js';
import { beginVantage, observe, reportVantage, type VantageHealth } from '../../../src/domain/health/vantage.js';
import { wantsGeneration } from '../../../src/domain/health/wants.js';
import { UNKNOWN_DIAGNOSIS, type Diagnosis, type Verdict } from '../../../src/domain/words.js';

const FOLDER = new URL('../../fixtures/traces/', import.meta.url);

export interface TraceHeader {
  readonly trace: string;
  readonly interval: number;
  readonly vantages: readonly string[];
  readonly clusters: readonly {
    readonly name: string;
    readonly engine: EngineKind;
    readonly model: string;
    readonly region: string;
    readonly concurrency: number;
  }[];
  readonly expect: {
    readonly moves: readonly {
      readonly kind: string;
      readonly from: string;
      readonly after: number;
      readonly within: number;
    }[];
    readonly verdicts?: readonly { readonly cluster: string; readonly is: Verdict; readonly at: number }[];
  };
}

interface TraceTick {
  readonly t: number;
  readonly seen: Readonly<Record<string, Readonly<Record<string, Omit<TickSeen, 'atMs' | 'self' | 'passive'>>>>>;
  readonly traffic: Readonly<Record<string, PassiveSeen>>;
  readonly self: SelfSeen;
}

export interface Change {
  readonly t: number;
  readonly cluster: string;
  readonly verdict: Verdict;
  readonly why: string;
}

export interface Replay {
  readonly header: TraceHeader;
  readonly changes: readonly Change[];
  readonly generationProbes: number;
  readonly ticks: number;
}

export const traceNames = (): string[] => readdirSync(FOLDER).map((f) => f.replace('.jsonl.gz', ''));

export function clusterSpec(cluster: TraceHeader['clusters'][number], intervalMs: number): ClusterSpec {
  return {
    name: cluster.name,
    url: 'http://127.0.0.1:1',
    region: cluster.region,
    engine: cluster.engine,
    model: cluster.model,
    capacity: { concurrency: cluster.concurrency },
    probes: probeDefaults(cluster.engine),
    health: { intervalMs, fall: 3, rise: 5, gray: { failures: 5, of: 10 } },
  };
}

export function replayTrace(name: string): Replay {
  const [first = '{}', ...rest] = gunzipSync(readFileSync(new URL(`${name}.jsonl.gz`, FOLDER)))
    .toString('utf8')
    .trim()
    .split('\n');
  const header = JSON.parse(first) as TraceHeader;
  const specs = header.clusters.map((c) => clusterSpec(c, header.interval * 1000));
  const memory = new Map<string, VantageHealth>();
  const diagnoses = new Map<string, Diagnosis>();
  const changes: Change[] = [];
  let generationProbes = 0;
  for (const line of rest) {
    const tick = JSON.parse(line) as TraceTick;
    const atMs = tick.t * 1000;
    for (const spec of specs) {
      const reports = header.vantages.map((vantage) => {
        const key = `${spec.name}/${vantage}`;
        const before = memory.get(key) ?? beginVantage(atMs);
        const wanted = wantsGeneration(before, spec, atMs);
        if (wanted) generationProbes += 1;
        const seen = tick.seen[spec.name]?.[vantage] ?? {};
        const { generation, ...free } = seen;
        const passive = tick.traffic[spec.name] ?? null;
        const full: TickSeen = {
          ...free,
          ...(wanted && generation !== undefined ? { generation } : {}),
          passive,
          self: tick.self,
          atMs,
        };
        const after = observe(before, full, spec);
        memory.set(key, after);
        return reportVantage(after, vantage, atMs);
      });
      const was = diagnoses.get(spec.name) ?? UNKNOWN_DIAGNOSIS;
      const now = combineVantages(reports, was, atMs);
      diagnoses.set(spec.name, now);
      if (now.verdict !== was.verdict)
        changes.push({
          t: tick.t,
          cluster: spec.name,
          verdict: now.verdict,
          why: now.evidence.map((e) => e.seen).join('; '),
        });
    }
  }
  return { header, changes, generationProbes, ticks: rest.length };
}

/** What a cluster was called at a time. */
export function verdictAt(replay: Replay, cluster: string, t: number): Verdict {
  return replay.changes.filter((c) => c.cluster === cluster && c.t <= t).at(-1)?.verdict ?? 'unknown';
}
