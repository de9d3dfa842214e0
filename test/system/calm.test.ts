/**
 * Six kinds of trouble that must move nothing, in one instance with three vantages, each under its own service with real
 * callers, all by the default settings; and a vantage whose worker is gone is named.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openControl, type Control } from '../../src/control/control.js';
import type { Explanation } from '../../src/domain/guard/explain.js';
import { readHistory } from '../../src/control/history.js';
import { readStatus, type ServiceStatus, type StatusView } from '../../src/control/status.js';
import { isFailing } from '../../src/domain/health/quorum.js';
import type { Verdict } from '../../src/domain/words.js';
import { clusterHealthId } from '../../src/workflows/ids.js';
import { clusterHealthQuery } from '../../src/workflows/messages.js';
import { eventually } from '../kit/eventually.js';
import { startInstance, type TestInstance } from '../kit/instance.js';
import {
  callService,
  closeClusters,
  putFault,
  servicesYaml,
  startClusters,
  type Callers,
  type TestClusters,
} from '../kit/simulated-services.js';

const VANTAGES = ['eu', 'us', 'ap'];
const NAMES = ['overload', 'blip', 'unreachable', 'half-blind', 'metrics-gone'] as const;
type Name = (typeof NAMES)[number];
const STANDBY = 'standby';
/** What is overloaded spills over, so it has a standby of its own: callers at the others' would contradict a blind vantage. */
const SPARE = 'spare';
const standbyOf = (name: Name): string => (name === 'overload' ? SPARE : STANDBY);
const REQUESTS_PER_SECOND = 2;
/** Twice the slowest verdict that the settings allow (docs/health.md): whoever has not moved by then does not. */
const PATIENCE_MS = 35_000;
/** Longer than a heartbeat may be late (10 s), shorter than a vantage is waited for (30 s). */
const PAUSE_MS = 15_000;

let clusters: TestClusters;
let instance: TestInstance;
let control: Control;
const callers = new Map<Name, Callers>();

beforeAll(async () => {
  clusters = await startClusters([...NAMES, STANDBY, SPARE]);
  const services = NAMES.map((name) => ({ name: `s-${name}`, primary: name, standby: standbyOf(name) }));
  instance = await startInstance({ config: servicesYaml(clusters, services, VANTAGES) });
  control = await openControl(instance.info().temporal);
  await allHealthy();
  for (const name of NAMES)
    callers.set(name, callService(instance.info().gateway.url, `s-${name}`, REQUESTS_PER_SECOND));
  await eventually(() => [...callers.values()].every(({ results }) => results.length >= 10), 60_000);
});
afterAll(async () => {
  await control.close();
  await Promise.all([...callers.values()].map(async ({ run }) => await run.stop()));
  await instance.stop();
  await closeClusters(clusters);
});

/** Whatever happens, every caller has the right answer. */
afterEach(() => {
  for (const { results } of callers.values()) expect(results.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
});

/** As `status` reads it, without a process each time. */
async function services(): Promise<readonly ServiceStatus[]> {
  return (await readStatus(control)).services;
}

async function statusOf(name: Name): Promise<ServiceStatus> {
  const [found] = (await readStatus(control, null, [`s-${name}`])).services;
  if (found === undefined) throw new Error(`s-${name} does not answer`);
  return found;
}

async function allHealthy(): Promise<void> {
  await eventually(async () => {
    const seen = await services();
    return seen.length === NAMES.length && seen.every((s) => s.clusters.every((c) => c.verdict === 'healthy'));
  }, 90_000);
}

/** What each vantage says of a cluster by itself. */
async function votes(cluster: string): Promise<Readonly<Record<string, Verdict>>> {
  const { vantages } = await control.client.workflow.getHandle(clusterHealthId(cluster)).query(clusterHealthQuery);
  return Object.fromEntries(vantages.map(({ vantage, diagnosis }) => [vantage, diagnosis.verdict]));
}

/** Failing verdicts that `dev` has told of a cluster since it started. */
const failingVerdicts = (name: string): readonly string[] =>
  instance.lines.filter((line) => new RegExp(`cluster ${name} is (dead|stuck|degraded)`, 'u').test(line));

async function expectUnmoved(name: Name): Promise<void> {
  const { epoch, intended, move } = await statusOf(name);
  expect({ epoch, intended, move }).toEqual({ epoch: 0, intended: { [name]: 100, [standbyOf(name)]: 0 }, move: null });
  expect(await readHistory(control, `s-${name}`)).toEqual([]);
}

describe('five troubles at once', () => {
  beforeAll(async () => {
    await Promise.all([
      putFault(clusters, 'overload', { kind: 'overload' }),
      putFault(clusters, 'blip', { kind: 'freeze', durationMs: 3_000 }),
      putFault(clusters, 'unreachable', { kind: 'probes-cut' }),
      putFault(clusters, 'half-blind', { kind: 'probes-cut', vantage: 'ap' }),
      putFault(clusters, STANDBY, { kind: 'probes-cut', vantage: 'ap' }),
      putFault(clusters, 'metrics-gone', { kind: 'metrics-gone' }),
    ]);
    await sleep(PATIENCE_MS); // That nothing happens for so long is the point of this test.
  });
  afterAll(async () => {
    await Promise.all([...clusters.values()].map(async (cluster) => await cluster.clearFaults(null)));
  });

  test('a long queue that moves is overload: no failover', async () => {
    const { clusters: members } = await statusOf('overload');
    expect(members[0]).toMatchObject({ verdict: 'overloaded' });
    expect(members[0]?.evidence.join()).toMatch(/\d+ waiting, \d+ running, (no room|requests are preempted)/u);
    expect((await readHistory(control, 's-overload')).filter(({ kind }) => kind === 'failover')).toEqual([]);
  });

  test('probes that are cut off while callers are served: unreachable, and people are told why nothing moves', async () => {
    const { services: told } = await instance.json<StatusView>('status', 's-unreachable');
    const { clusters: members = [], whyNot = [] } = told[0] ?? {};
    expect(members[0]).toMatchObject({ verdict: 'unreachable' });
    expect(members[0]?.evidence.join()).toContain('real requests succeed: the probes are contradicted');
    expect(whyNot[0]).toMatchObject({ trigger: 'unreachable is unreachable' });
    const { last } = await instance.json<Explanation>('explain', 's-unreachable');
    expect(last).toMatch(/unreachable is unreachable, and nothing was moved: callers are served/u);
    await expectUnmoved('unreachable');
  });

  test('one of three vantages sees nothing of two clusters: it is outvoted', async () => {
    expect(isFailing((await votes(STANDBY))['ap'] ?? 'unknown')).toBe(true);
    expect((await votes('half-blind'))['ap']).toBe('unreachable'); // It is told of the callers there.
    const { clusters: members } = await statusOf('half-blind');
    expect(members.map(({ verdict }) => verdict)).toEqual(['healthy', 'healthy']);
    expect([...failingVerdicts('half-blind'), ...failingVerdicts(STANDBY)]).toEqual([]);
    await expectUnmoved('half-blind');
  });

  test.each(['blip', 'metrics-gone'] as const)('%s: nothing at all', async (name) => {
    const { clusters: members, whyNot } = await statusOf(name);
    expect([members[0]?.verdict, whyNot, failingVerdicts(name)]).toEqual(['healthy', [], []]);
    await expectUnmoved(name);
  });
});

const signalProbers = (vantages: readonly string[], signal: 'SIGSTOP' | 'SIGCONT'): void => {
  for (const vantage of vantages) instance.kill(`worker probe ${vantage}`, signal);
};

test('all observers are paused (SIGSTOP) and go on: what they missed is nobody’s fault', async () => {
  await allHealthy();
  signalProbers(VANTAGES, 'SIGSTOP');
  await sleep(PAUSE_MS); // The pause is the fault.
  signalProbers(VANTAGES, 'SIGCONT');
  await sleep(PAUSE_MS); // That nothing comes of it is the point.
  for (const name of NAMES) expect(failingVerdicts(name)).toEqual([]);
  for (const name of NAMES) if (name !== 'overload') await expectUnmoved(name);
  await allHealthy();
});

test('a vantage whose worker is gone is named by status, explain and doctor, and moves nothing', async () => {
  signalProbers(['ap'], 'SIGSTOP');
  await eventually(
    async () => (await services()).every((s) => s.clusters.every((c) => c.unwatchedFrom?.[0] === 'ap')),
    90_000,
  );
  const sentence = 'no probe worker watches blip, standby from ap: that vantage has no vote';
  expect((await instance.cli('status', 's-blip')).stdout).toContain(sentence);
  expect((await instance.json<Explanation>('explain', 's-blip')).automation).toContain(sentence);
  const doctor = await instance.cli('doctor');
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toMatch(/problem +probe worker ap +nobody watches .*blip.* from there/u);
  await expectUnmoved('blip');

  signalProbers(['ap'], 'SIGCONT');
  await eventually(
    async () => (await services()).every((s) => s.clusters.every((c) => c.unwatchedFrom === undefined)),
    60_000,
  );
});
