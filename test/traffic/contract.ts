/** What every traffic layer must do, as checks that run against the real thing. One call a layer. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ServiceDefinition, TrafficLayer } from '../../src/traffic/traffic-layer.js';
import { eventually } from '../kit/eventually.js';

/** A layer before two clusters `a` and `b` of a service `chat`, freshly defined with all weight on `a`. */
export interface OpenLayer {
  readonly layer: TrafficLayer;
  readonly definition: ServiceDefinition;
  /** Sends one request as a caller would; resolves with the name of the cluster that answered. */
  request(): Promise<string>;
  /** Begins a stream: its cluster, and its text once `finishStreams` has let it end. */
  stream(): Promise<{ readonly cluster: string; readonly text: Promise<string> }>;
  finishStreams(): void;
  /** From now on the cluster takes requests and does not answer. */
  hang(cluster: string): void;
  /** Requests that wait at a hanging cluster. */
  waitingAt(cluster: string): number;
  close(): Promise<void>;
}

const fence = (epoch: number): { epoch: number } => ({ epoch });

export function trafficContract(name: string, open: () => Promise<OpenLayer>): void {
  describe(`the traffic layer ${name}`, () => {
    let world: OpenLayer;
    beforeEach(async () => {
      world = await open();
    });
    afterEach(async () => {
      await world.close();
    });

    const effective = async (weights: Record<string, number>): Promise<void> =>
      await eventually(
        async () => JSON.stringify((await world.layer.read('chat')).effective) === JSON.stringify(weights),
        5_000 + world.layer.can.settleMs,
      );

    test('reads back what was written', async () => {
      const answer = await world.layer.write('chat', { a: 75, b: 25 }, fence(1));
      expect(answer).toMatchObject({ epoch: 1, intended: { a: 75, b: 25 } });
      await effective({ a: 75, b: 25 });
    });

    test('a write may be repeated', async () => {
      const first = await world.layer.write('chat', { a: 50, b: 50 }, fence(1));
      const again = await world.layer.write('chat', { a: 50, b: 50 }, fence(1));
      expect({ ...again, clusters: null }).toEqual({ ...first, clusters: null });
    });

    test('within an epoch a write with a smaller step is refused, in every verb, and nothing changes', async () => {
      const at = (step?: number) => ({ epoch: 7, step });
      await world.layer.fence('chat', at(1));
      await world.layer.write('chat', { a: 50, b: 50 }, at(2));
      await world.layer.write('chat', { a: 0, b: 100 }, at(4));
      const late = [
        async () => await world.layer.write('chat', { a: 50, b: 50 }, at(2)),
        async () => await world.layer.write('chat', { a: 100, b: 0 }, at(3)),
        async () => await world.layer.fence('chat', at(1)),
        async () => await world.layer.drain('chat', 'b', { rehome: true }, at(3)),
        async () => await world.layer.undrain('chat', 'a', at(3)),
      ];
      for (const write of late) await expect(write()).rejects.toMatchObject({ code: 'stale-epoch' });
      expect(await world.layer.read('chat')).toMatchObject({ epoch: 7, intended: { a: 0, b: 100 } });
      // Its own repetition, a writer that does not count, and a newer epoch that begins to count anew.
      await world.layer.write('chat', { a: 0, b: 100 }, at(4));
      await world.layer.write('chat', { a: 25, b: 75 }, at());
      await expect(world.layer.write('chat', { a: 100, b: 0 }, at(3))).rejects.toMatchObject({ code: 'stale-epoch' });
      const next = await world.layer.write('chat', { a: 100, b: 0 }, { epoch: 8, step: 1 });
      expect(next).toMatchObject({ epoch: 8, intended: { a: 100, b: 0 } });
    });

    test('a stale epoch is refused, in every verb, and nothing changes', async () => {
      await world.layer.fence('chat', fence(7));
      const verbs = [
        async () => await world.layer.write('chat', { a: 0, b: 100 }, fence(6)),
        async () => await world.layer.fence('chat', fence(6)),
        async () => await world.layer.drain('chat', 'a', { rehome: true }, fence(6)),
        async () => await world.layer.undrain('chat', 'a', fence(6)),
      ];
      for (const verb of verbs) await expect(verb()).rejects.toMatchObject({ code: 'stale-epoch' });
      expect(await world.layer.read('chat')).toMatchObject({
        epoch: 7,
        intended: { a: 100, b: 0 },
        clusters: { a: { drained: false } },
      });
    });

    test('taking the fence changes no weight', async () => {
      expect(await world.layer.fence('chat', fence(3))).toMatchObject({ epoch: 3, intended: { a: 100, b: 0 } });
    });

    test('zero means no new request', async () => {
      await world.layer.write('chat', { a: 0, b: 100 }, fence(1));
      await effective({ a: 0, b: 100 });
      for (let i = 0; i < 20; i++) expect(await world.request()).toBe('b');
    });

    test('shares are kept', async () => {
      await world.layer.write('chat', { a: 75, b: 25 }, fence(1));
      await effective({ a: 75, b: 25 });
      const seen = await Promise.all(Array.from({ length: 200 }, async () => await world.request()));
      expect(Math.abs(seen.filter((cluster) => cluster === 'b').length - 50)).toBeLessThan(25);
    });

    test('a running stream survives writes and a drain, and is counted as long as it runs', async () => {
      const { cluster, text } = await world.stream();
      expect(cluster).toBe('a');
      await world.layer.write('chat', { a: 0, b: 100 }, fence(1));
      const state = await world.layer.drain('chat', 'a', { rehome: true }, fence(1));
      if (world.layer.can.inFlightKnown) expect(state.clusters['a']?.inFlight).toBe(1);
      else expect(state.clusters['a']?.inFlight).toBe('unknown');
      world.finishStreams();
      expect(await text).toContain('[DONE]');
      await eventually(async () => (await world.layer.read('chat')).clusters['a']?.inFlight !== 1, 5_000);
      const after = (await world.layer.read('chat')).callers;
      if (after !== 'unknown') expect(after).toMatchObject({ cut: 0, lost: 0 });
    });

    test('a drained cluster gets no new work whatever its weight, until it is undrained', async () => {
      await world.layer.drain('chat', 'a', { rehome: false }, fence(1));
      for (let i = 0; i < 10; i++) expect(await world.request()).toBe('b');
      expect((await world.layer.read('chat')).clusters['a']?.drained).toBe(true);
      await world.layer.undrain('chat', 'a', fence(1));
      await eventually(async () => (await world.request()) === 'a', 5_000);
    });

    test('a drain that rehomes sends waiting requests elsewhere at once; one that does not lets them wait', async () => {
      world.hang('a');
      const waiting = Array.from({ length: 5 }, async () => await world.request());
      await eventually(() => world.waitingAt('a') === 5, 5_000);
      await world.layer.drain('chat', 'a', { rehome: false }, fence(1));
      expect((await world.layer.read('chat')).clusters['a']?.inFlight).toBe(5);
      await world.layer.drain('chat', 'a', { rehome: true }, fence(1));
      expect(new Set(await Promise.all(waiting))).toEqual(new Set(['b']));
      expect((await world.layer.read('chat')).clusters['a']?.inFlight).toBe(0);
    });

    test('a share that spills over stands beside the weights, and ends by itself, by a write, and by 0', async () => {
      const { spill } = world.layer;
      if (spill === undefined) return;
      const wish = { from: 'a', to: 'b', sharePct: 20, forMs: 60_000 };
      const over = async (change: Partial<typeof wish> = {}, epoch = 1): Promise<void> => {
        await spill('chat', { ...wish, ...change }, fence(epoch));
      };
      await over();
      await effective({ a: 80, b: 20 });
      expect(await world.layer.read('chat')).toMatchObject({
        intended: { a: 100, b: 0 },
        spill: { from: 'a', to: 'b', sharePct: 20 },
      });
      const seen = await Promise.all(Array.from({ length: 100 }, async () => await world.request()));
      expect(Math.abs(seen.filter((cluster) => cluster === 'b').length - 20)).toBeLessThan(15);
      await over({ sharePct: 0 });
      await effective({ a: 100, b: 0 });
      await over();
      await world.layer.write('chat', { a: 100, b: 0 }, fence(1));
      await effective({ a: 100, b: 0 });
      await over();
      await world.layer.fence('chat', fence(2));
      await effective({ a: 100, b: 0 });
      await expect(over()).rejects.toMatchObject({ code: 'stale-epoch' });
      await over({ forMs: 300 }, 2);
      await effective({ a: 80, b: 20 });
      await effective({ a: 100, b: 0 });
    });

    test('counts grow, and say which process counts', async () => {
      const before = (await world.layer.read('chat')).clusters['a']?.counters;
      for (let i = 0; i < 3; i++) await world.request();
      const after = (await world.layer.read('chat')).clusters['a']?.counters;
      if (before === 'unknown' || after === 'unknown' || !before || !after) return;
      expect(after.process).not.toBe('');
      expect(after.process).toBe(before.process);
      expect([after.requests - before.requests, after.ok - before.ok]).toEqual([3, 3]);
    });

    test('defining again keeps weights and epoch; a forgotten service is unknown', async () => {
      await world.layer.write('chat', { a: 10, b: 90 }, fence(4));
      expect(await world.layer.define(world.definition)).toMatchObject({ epoch: 4, intended: { a: 10, b: 90 } });
      await world.layer.forget('chat');
      await world.layer.forget('chat');
      await expect(world.layer.read('chat')).rejects.toMatchObject({ code: 'unknown-service' });
    });

    test('nonsense is refused with its own codes', async () => {
      await expect(world.layer.write('chat', { a: 0, b: 0 }, fence(1))).rejects.toMatchObject({ code: 'bad-input' });
      await expect(world.layer.write('nobody', { a: 100 }, fence(1))).rejects.toMatchObject({
        code: 'unknown-service',
      });
      await expect(world.layer.drain('chat', 'zz', { rehome: false }, fence(1))).rejects.toMatchObject({
        code: 'unknown-cluster',
      });
    });
  });
}
