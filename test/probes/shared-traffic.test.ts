import { expect, test } from 'vitest';
import type { TrafficState } from '../../src/domain/traffic.js';
import { shareTraffic } from '../../src/probes/shared-traffic.js';
import { eventually } from '../kit/eventually.js';

const state = (service: string): TrafficState => ({
  service,
  epoch: 1,
  intended: {},
  effective: {},
  changedAtMs: 0,
  clusters: {},
  callers: 'unknown',
});

test('the clusters of a service that look at one moment ask once, other services for themselves', async () => {
  const asked: string[] = [];
  const read = shareTraffic(async (service) => {
    asked.push(service);
    return await Promise.resolve(state(service));
  });
  const answers = await Promise.all(['chat', 'chat', 'code', 'chat'].map(async (service) => await read(service)));
  expect(answers.map((answer) => answer?.service)).toEqual(['chat', 'chat', 'code', 'chat']);
  expect(asked).toEqual(['chat', 'code']);
});

test('an answer grows old: the next tick asks again', async () => {
  let asked = 0;
  const read = shareTraffic(async (service) => {
    asked += 1;
    return await Promise.resolve(state(service));
  }, 30);
  const startedAt = performance.now();
  await eventually(async () => {
    await read('chat');
    return asked === 2;
  });
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(29);
});

test('a failure is shared too, and forgotten as soon', async () => {
  let asked = 0;
  const read = shareTraffic(async () => {
    asked += 1;
    return await Promise.reject(new Error('no gateway'));
  }, 30);
  const both = await Promise.allSettled([read('chat'), read('chat')]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(asked).toBe(1);
  await eventually(async () => {
    await read('chat').catch(() => undefined);
    return asked === 2;
  });
});
