/** Traces on their way to disk, and recorded lines through the code that decides. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readTrace } from '../../src/cli/simulate/read-trace.js';
import { runTrace } from '../../src/cli/simulate/run-trace.js';
import { TraceWriter } from '../../src/cli/simulate/write-trace.js';
import { headerOf, lateMaxOf, lineOf } from '../../src/domain/simulation/recording.js';
import type { TickSeen } from '../../src/domain/health/types.js';
import { CLUSTERS, serviceSpec } from '../kit/fleet.js';

const BEGUN_MS = Date.UTC(2026, 0, 1);
const recording = {
  service: serviceSpec({ mode: 'approve' }),
  clusters: Object.values(CLUSTERS),
  vantage: 'recorder',
  begunAtMs: BEGUN_MS,
};
const tick = (s: number, seen: Partial<TickSeen> = {}): TickSeen => ({
  atMs: BEGUN_MS + s * 1_000,
  http: { status: 200, ms: 2 },
  self: { lag: 0, late: 0, control: null },
  ...seen,
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-trace-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = async (name: string, bytesMax?: number): Promise<TraceWriter> =>
  await TraceWriter.open({
    path: join(folder, name),
    header: headerOf(recording),
    begunAtMs: BEGUN_MS,
    lateMaxMs: lateMaxOf(recording.clusters),
    ...(bytesMax === undefined ? {} : { bytesMax }),
  });

test.each(['a.jsonl', 'a.jsonl.gz'])('%s is read again, with the settings that were recorded', async (name) => {
  const writer = await open(name);
  writer.add(lineOf(recording, 'eu-a', tick(1, { identity: 'm', metrics: null })), BEGUN_MS + 1_100);
  await writer.close();
  const trace = readTrace(join(folder, name));
  expect(trace.header).toMatchObject({ service: 'chat', interval: 2, mode: 'approve', vantages: ['recorder'] });
  expect([...trace.ticks()]).toMatchObject([
    { t: 1, seen: { 'eu-a': { recorder: { identity: 'm', metrics: null } } } },
  ]);
  expect(runTrace(trace, name).state.spec.mode).toBe('approve');
});

test('lines that come late stand in the order of time, and no two at one moment', async () => {
  const writer = await open('a.jsonl');
  const add = (cluster: string, s: number, now: number) =>
    writer.add(lineOf(recording, cluster, tick(s)), BEGUN_MS + now * 1_000);
  add('us-b', 2, 2.1);
  add('us-b', 2.5, 2.6);
  add('eu-a', 1, 2.7);
  add('ap-c', 2, 2.8);
  await writer.close();
  const ticks = [...readTrace(join(folder, 'a.jsonl')).ticks()];
  expect(ticks.map(({ t, seen }) => [t, Object.keys(seen)[0]])).toEqual([
    [1, 'eu-a'],
    [2, 'us-b'],
    [2.001, 'ap-c'],
    [2.5, 'us-b'],
  ]);
});

test('a trace that is full says so, and is whole', async () => {
  const writer = await open('a.jsonl', 4_000);
  let s = 0;
  while (writer.add(lineOf(recording, 'eu-a', tick((s += 2))), BEGUN_MS + s * 1_000 + 10_000) && s < 1_000);
  await writer.close();
  expect(s).toBeLessThan(1_000);
  expect(readFileSync(join(folder, 'a.jsonl')).length).toBeLessThanOrEqual(4_000);
  expect([...readTrace(join(folder, 'a.jsonl')).ticks()]).toHaveLength(writer.lines);
});

test('an existing file is left alone', async () => {
  await (await open('a.jsonl')).close();
  await expect(open('a.jsonl')).rejects.toThrow(/exists already/);
});

test('neither addresses nor golden prompts are told', () => {
  expect(JSON.stringify(headerOf(recording))).not.toMatch(/127\.0\.0\.1|golden/);
});

test('a completion of a recording was sent: it counts although none was due', async () => {
  const writer = await open('a.jsonl');
  const answered = { ok: true, ttft: 40, gap: 5, cost: { ms: 90, promptTokens: 9, completionTokens: 4 } };
  // More often than one each 5 s: a made-up trace would have been asked at two or three of them.
  for (let s = 1; s <= 10; s += 1)
    writer.add(lineOf(recording, 'us-b', tick(s, { generation: answered })), BEGUN_MS + s * 1_000);
  await writer.close();
  expect(runTrace(readTrace(join(folder, 'a.jsonl')), 'a.jsonl').result().generationProbes).toBe(10);
});

test.each([
  ['half a line', '{"t":'],
  ['200,000 levels', '['.repeat(200_000)],
  ['another kind', '{"t":{"toString":0},"seen":{"toString":0}}'],
  ['binary', '\u0000\u0001'],
])('a trace with %s is told with its line', async (_name, line) => {
  const writer = await open('odd.jsonl');
  await writer.close();
  const path = join(folder, 'odd.jsonl');
  appendFileSync(path, `${line}\n`);
  expect(() => [...readTrace(path).ticks()]).toThrow(
    expect.objectContaining({ code: 'bad-input', message: expect.stringContaining('odd.jsonl:2: ') }),
  );
});
