/** Every recorded trace through the reducers of production, with the default settings: what each cluster must be called, and when. */
import { describe, expect, test } from 'vitest';
import { isFailing } from '../../../src/domain/health/quorum.js';
import { replayTrace, traceNames, verdictAt, type Replay } from './replay-trace.js';

/** Traces in which a cluster fails although nothing may move: who, and why that is right. */
const FAILS_WITHOUT_MOVE: Readonly<Record<string, readonly string[]>> = {
  'all-down': ['eu-a', 'us-b'], // everything is really dead; that more than half is, is the guard's to see
  'standby-dead': ['us-b'],
  'standby-serves-another-model': ['eu-a', 'us-b'],
  'second-standby-takes-over': ['us-b'],
};

/** The verdict that the story of a trace asks for, beyond what its header says. */
const CALLED: Readonly<Record<string, readonly (readonly [cluster: string, at: number, verdict: string])[]>> = {
  'host-dead': [['eu-a', 206, 'dead']],
  blackhole: [['eu-a', 160, 'dead']],
  'decode-stall': [['eu-a', 170, 'stuck']],
  'hang-at-night': [['eu-a', 180, 'stuck']],
  'gpu-lost': [['eu-a', 192, 'degraded']],
  'gray-errors': [['eu-a', 260, 'degraded']],
  'cut-streams': [['eu-a', 240, 'degraded']],
  garbage: [['eu-a', 300, 'degraded']],
  slow: [['eu-a', 240, 'degraded']],
  'memory-high-generic': [['eu-a', 230, 'degraded']],
  'restart-and-load': [
    ['eu-a', 210, 'dead'],
    ['eu-a', 300, 'starting'],
    ['eu-a', 412, 'healthy'],
  ],
  overload: [
    ['eu-a', 118, 'healthy'],
    ['eu-a', 478, 'healthy'],
  ],
  'all-down': [['us-b', 210, 'dead']],
  'standby-serves-another-model': [['us-b', 10, 'degraded']],
};

/** Seconds within which a failing verdict must come; a move follows it at once. */
function firstFailure(replay: Replay, cluster: string): number {
  return replay.changes.find((c) => c.cluster === cluster && isFailing(c.verdict))?.t ?? Infinity;
}

test('there are thirty of them', () => expect(traceNames()).toHaveLength(30));

describe.each(traceNames())('%s', (name) => {
  const replay = replayTrace(name);
  const { header } = replay;

  test('who must be failed over is found within the window, and not before the fault', () => {
    for (const move of header.expect.moves) {
      const at = firstFailure(replay, move.from);
      expect(at).toBeGreaterThanOrEqual(move.after);
      expect(at).toBeLessThanOrEqual(move.after + move.within);
    }
  });

  test('nobody else is ever called dead, stuck or degraded', () => {
    const allowed = [...header.expect.moves.map((m) => m.from), ...(FAILS_WITHOUT_MOVE[name] ?? [])];
    expect(replay.changes.filter((c) => isFailing(c.verdict) && !allowed.includes(c.cluster))).toEqual([]);
  });

  test('everybody is called by the right name', () => {
    for (const { cluster, at, is } of header.expect.verdicts ?? []) expect(verdictAt(replay, cluster, at)).toBe(is);
    for (const [cluster, at, is] of CALLED[name] ?? [])
      expect(`${at} s: ${verdictAt(replay, cluster, at)}`).toBe(`${at} s: ${is}`);
  });

  test('completions are asked for sparingly while all is well', () => {
    const calm = replay.changes.every((c) => c.verdict === 'healthy');
    // Idle clusters get one every 5 s, from every vantage; a tick is 2 s, so that is one of three ticks each at most.
    const most = Math.ceil((replay.ticks / 3) * header.vantages.length * header.clusters.length * 1.3);
    if (calm) expect(replay.generationProbes).toBeLessThan(most);
  });
});
