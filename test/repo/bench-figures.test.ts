import { expect, test } from 'vitest';
import { growthOf, missedGoals, type Measured, type MemorySample } from '../bench/gateway/figures.js';

const growth = { seconds: 600, requests: 1, failed: 0, mib: [100, 110], heapMib: [20, 20], grewPct: 10 } as const;
const speed = {
  addedLatency: 1.6,
  cpuPerRequest: 2,
  failed: 0,
  cpuOfOthers: { haproxy: 0.1, portkey: 12, litellm: 100 },
} as const;
const good: Measured = { speed, kibPerStream: 40, growth };

test.each<[string, Partial<Measured>, readonly RegExp[]]>([
  ['exactly at every goal', {}, []],
  ['what was not measured is not missed', { speed: null, kibPerStream: null, growth: null }, []],
  ['others that were not measured are not missed', { speed: { ...speed, cpuOfOthers: {} } }, []],
  ['slower', { speed: { ...speed, addedLatency: 1.61 } }, [/added latency 1.61 x/]],
  ['more processor time', { speed: { ...speed, cpuPerRequest: 2.01 } }, [/CPU 2.01 x/]],
  ['no figure at all is a miss', { speed: { ...speed, cpuPerRequest: Number.NaN } }, [/CPU NaN x/]],
  ['more memory', { kibPerStream: 40.01 }, [/40.01 KiB a stream/]],
  ['a refused request would look fast', { speed: { ...speed, failed: 1 } }, [/1 requests failed/]],
  ['Portkey too near', { speed: { ...speed, cpuOfOthers: { portkey: 11.9 } } }, [/Portkey 11.9 x ours/]],
  ['LiteLLM too near', { speed: { ...speed, cpuOfOthers: { litellm: 99 } } }, [/LiteLLM 99 x ours/]],
  ['growth', { growth: { ...growth, grewPct: 10.01 } }, [/memory grew 10.01 %/]],
  ['a soak that fails requests', { growth: { ...growth, failed: 3 } }, [/3 requests of the soak failed/]],
])('goals of bench:gateway: %s', (_name, change, missed) => {
  const told = missedGoals({ ...good, ...change });
  expect(told).toEqual(missed.map((what) => expect.stringMatching(what) as string));
});

test('memory is compared after warm-up with the end, garbage aside', () => {
  const sample = (mib: number, heapMib: number): MemorySample => ({
    bytes: mib * 2 ** 20,
    heapBytes: heapMib * 2 ** 20,
  });
  const warmUp = [sample(50, 10), sample(90, 12)];
  const early = [sample(100, 20), sample(300, 40), sample(100, 30)];
  const late = [sample(104, 60), sample(106, 21), sample(105, 50)];
  const seen = growthOf([
    ...warmUp,
    sample(95, 12),
    ...early,
    sample(1, 1),
    sample(1, 1),
    sample(1, 1),
    ...Array.from({ length: 3 }, () => sample(1, 1)),
    ...late,
  ]);
  expect(seen).toEqual({ mib: [100, 105], heapMib: [20, 21], grewPct: 5 });
});
