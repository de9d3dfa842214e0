/**
 * A real incident becomes a test: while `understudy record` watches, a cluster dies and the running system moves. What was
 * written is a trace, and `understudy simulate` decides the same.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { headerLine, tickLine } from '../../src/cli/simulate/trace-schema.js';
import type { RecordSummary } from '../../src/cli/verbs/record.js';
import type { SimulationResult } from '../../src/domain/simulation/simulate.js';
import { eventually } from '../kit/eventually.js';
import { startInstance, type TestInstance } from '../kit/instance.js';
import { freePortBase } from '../kit/ports.js';
import { fleetYaml, startFleet, type TestFleet } from '../kit/simulated-fleet.js';
import { verdictsAre } from './fleet-status.js';

const BIN = fileURLToPath(new URL('../../bin/understudy.js', import.meta.url));
const NAMES = ['eu-a', 'us-b'];

let instance: TestInstance;
let fleet: TestFleet;
beforeAll(async () => {
  const portBase = await freePortBase();
  fleet = await startFleet(portBase, NAMES);
  const config = ['version: 1', fleetYaml(portBase, NAMES, ['health: { interval: 1s, rise: 3 }'])].join('\n');
  instance = await startInstance({ portBase, config });
  await verdictsAre(instance, { 'eu-a': 'healthy', 'us-b': 'healthy' });
});
afterAll(async () => {
  await instance.stop();
  await fleet.stop();
});

interface Running {
  readonly file: string;
  stop(): void;
  readonly ended: Promise<RecordSummary>;
}

/** `understudy record` as somebody runs it, until it is stopped. */
function startRecording(name: string): Running {
  const file = join(instance.dataDir, name);
  const env = { ...process.env, UNDERSTUDY_DATA_DIR: instance.dataDir };
  const child = spawn(process.execPath, [BIN, 'record', 'us-b', '--out', file, '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<RecordSummary>((resolve, reject) => {
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(said) as RecordSummary);
      else reject(new Error(`record ended with ${code}: ${said}`));
    });
  });
  return { file, ended, stop: () => void child.kill('SIGINT') };
}

describe('a failover that is recorded', () => {
  test('is decided again by `simulate`, from a file that Ctrl-C left whole', async () => {
    const recording = startRecording('incident.jsonl.gz');
    await eventually(() => existsSync(recording.file), 30_000);
    await fleet.fault('eu-a', { kind: 'hang' });
    const live = await instance.moves(1);
    recording.stop();
    const summary = await recording.ended;
    expect(live).toMatchObject({ kind: 'failover', from: ['eu-a'], to: 'us-b', state: 'done' });
    expect(summary).toMatchObject({ service: 'chat', clusters: NAMES, ended: 'signal' });
    expect(summary.moves).toMatchObject([{ kind: 'failover', from: 'eu-a', to: 'us-b' }]);

    const [first = '', ...rest] = gunzipSync(readFileSync(recording.file)).toString('utf8').trimEnd().split('\n');
    expect(headerLine.parse(JSON.parse(first))).toMatchObject({ service: 'chat', interval: 1 });
    expect(first).not.toContain('http://');
    expect(rest).toHaveLength(summary.lines);
    for (const line of rest) tickLine.parse(JSON.parse(line));

    const decided = await instance.json<SimulationResult>('simulate', recording.file);
    expect(decided.moves.map(({ kind, from, to }) => ({ kind, from, to }))).toEqual([
      { kind: 'failover', from: 'eu-a', to: 'us-b' },
    ]);
    expect(decided.moves[0]?.t).toBeLessThan((summary.moves[0]?.t ?? 0) + 5);
  });

  test('is not overwritten, and a cluster that nobody watches is not recorded', async () => {
    const there = join(instance.dataDir, 'there.jsonl.gz');
    writeFileSync(there, 'of somebody');
    const again = await instance.cli('record', 'eu-a', '--out', there);
    expect(again).toMatchObject({ code: 3, stdout: '' });
    expect(again.stderr).toContain('exists already');
    expect(readFileSync(there, 'utf8')).toBe('of somebody');
    const nobody = await instance.cli('record', 'ap-z', '--out', join(instance.dataDir, 'other.jsonl'));
    expect(nobody.stderr).toContain('known are eu-a, us-b');
  });
});
