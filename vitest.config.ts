import { defineConfig } from 'vitest/config';

/**
 * Files at once. vitest takes one less than there are cores, so one of two; most of a test's time is waiting, for a
 * process to start or a deadline to pass, so the cores have room for more. Projects with different numbers run in turn.
 */
const BESIDE = { unit: 3, sim: 2, clients: 2, workflows: 3, system: 3 } as const;

/** One project a kind of test (CONTRIBUTING.md): `unit` needs nothing, the others a Temporal server or all processes. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'test/{domain,config,engines,probes,traffic,notify,activities,gateway,simulator,cli,repo,temporal,control,outside}/**/*.test.ts',
          ],
          globalSetup: ['test/kit/compiled-setup.ts'],
          setupFiles: ['test/kit/seed-setup.ts'],
          testTimeout: 60_000,
          maxWorkers: BESIDE.unit,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'sim',
          include: ['test/sim/**/*.test.ts'],
          maxWorkers: BESIDE.sim,
          sequence: { groupOrder: 2 },
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'fuzz',
          include: ['test/fuzz/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'workflows',
          include: ['test/workflows/**/*.test.ts'],
          maxConcurrency: 8,
          globalSetup: ['test/kit/temporal-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          maxWorkers: BESIDE.workflows,
          sequence: { groupOrder: 4 },
        },
      },
      {
        test: {
          name: 'replay',
          include: ['test/replay/**/*.test.ts'],
          globalSetup: ['test/kit/bundle-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'clients',
          include: ['test/clients/**/*.test.ts'],
          globalSetup: ['test/kit/compiled-setup.ts'],
          maxWorkers: BESIDE.clients,
          sequence: { groupOrder: 3 },
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'mtls',
          include: ['test/mtls/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 900_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxWorkers: BESIDE.system,
          sequence: { groupOrder: 5 },
        },
      },
      {
        test: {
          name: 'engines',
          include: ['test/real-engines/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
