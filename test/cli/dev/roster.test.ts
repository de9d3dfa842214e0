import { describe, expect, test } from 'vitest';
import { rosterOf, simulatedUrl, type RosterOrder } from '../../../src/cli/dev/roster.js';
import { SIMULATED_CLUSTERS, simulatedConfig } from '../../../src/cli/dev/simulated-fleet.js';
import { VERB_FILES } from '../../../src/cli/verb-files.js';
import { parseFleet } from '../../../src/config/load.js';

const BASE = 5400;
const fleet = parseFleet(
  simulatedConfig((c) => simulatedUrl(BASE, SIMULATED_CLUSTERS.indexOf(c))),
  'simulated.yaml',
);
const order: RosterOrder = {
  fleet,
  configFile: '/d/simulated.yaml',
  dataDir: '/d',
  portBase: BASE,
  simulated: true,
  rate: 4,
  temporal: null,
};

describe('the simulated fleet', () => {
  test('is a configuration that our own loader accepts', () => {
    expect(Object.keys(fleet.clusters)).toEqual(['eu-a', 'us-b']);
    expect(fleet.services['chat']?.failback).toEqual({ policy: 'approve', soakMs: 60_000, flapHalfLifeMs: 900_000 });
  });

  test('points at the ports on which its clusters are started', () => {
    expect(fleet.clusters['us-b']?.url).toBe(rosterOf(order).simulated['us-b']?.url);
  });
});

describe('the processes', () => {
  const entries = (o: RosterOrder) => Object.values(rosterOf(o).stages).flat();

  test('are everything that an instance needs', () => {
    expect(entries(order).map(({ name }) => name)).toEqual([
      'gateway',
      'sim eu-a',
      'sim us-b',
      'worker control',
      'worker probe local',
      'sim load',
    ]);
  });

  test('are only ours for a real fleet, one probe worker a vantage', () => {
    const real = { ...order, simulated: false, fleet: { ...fleet, vantages: ['eu', 'us'] } };
    expect(entries(real).map(({ name }) => name)).toEqual([
      'gateway',
      'worker control',
      'worker probe eu',
      'worker probe us',
    ]);
    expect(rosterOf(real).simulated).toEqual({});
  });

  test('have no simulated callers when none are wanted', () => {
    expect(rosterOf({ ...order, rate: null }).stages.load).toEqual([]);
  });

  test('are started with verbs and options that exist', async () => {
    for (const { args } of entries(order)) {
      const words = args.slice(
        0,
        args.findIndex((word) => word.startsWith('--')),
      );
      let verb = await VERB_FILES[words[0] ?? '']?.load();
      for (const word of words.slice(1)) verb = verb?.commands.find((sub) => sub.name() === word);
      const known = verb?.options.map(({ long }) => long) ?? [];
      expect(known, args.join(' ')).toEqual(expect.arrayContaining(args.filter((word) => word.startsWith('--'))));
    }
  });

  test('listen on different ports, all of them above the base and all of them checked before the start', () => {
    const ports = rosterOf(order).ports.map(({ port }) => port);
    expect(new Set(ports).size).toBe(ports.length);
    expect(ports.every((port) => port > BASE && port <= BASE + 60)).toBe(true);
    const named = entries(order).flatMap(({ args }) =>
      args.filter((_, i) => args[i - 1]?.endsWith('port')).map(Number),
    );
    expect(ports).toEqual(expect.arrayContaining(named));
  });

  test('need no Temporal ports when Temporal is somebody else’s', () => {
    const external = rosterOf({ ...order, temporal: { address: 'temporal.example:7233', namespace: 'llm' } });
    expect(external.ports.map(({ purpose }) => purpose).filter((p) => p.startsWith('Temporal'))).toEqual([]);
    expect(external.temporal).toEqual({ address: 'temporal.example:7233', namespace: 'llm', uiUrl: null });
    expect(external.stages.workers[0]?.args).toEqual(expect.arrayContaining(['temporal.example:7233', 'llm']));
  });
});
