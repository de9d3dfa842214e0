/**
 * A running workflow survives a new version only if the new code repeats what the old one did. The recorded histories
 * are what old versions did; `record.ts` makes them.
 */
import { DefaultLogger, Runtime, Worker, type ReplayWorkerOptions } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import * as workflows from '../../src/workflows/index.js';
import { bundleAltered, type Alteration } from './altered.js';
import { readHistories, type RecordedHistory } from './recorded.js';

const HISTORIES = readHistories('histories');
const BRICKED = readHistories('bricked');
const TYPES = Object.keys(workflows).sort();

/** One change for each type of workflow, of the kind that is made without a thought. */
const ALTERATIONS: Readonly<Record<string, Alteration>> = {
  move: {
    file: 'move.ts',
    before: 'await fence(run);\n    await warmUp(run);',
    after: 'await warmUp(run);\n    await fence(run);',
  },
  serviceGuard: { file: 'service-guard.ts', before: '  await guard.askVerdicts();\n', after: '' },
  governor: {
    file: 'governor.ts',
    before: "  upsertSearchAttributes([{ key: KIND_KEY, value: 'governor' }]);\n",
    after: '',
  },
  clusterHealth: { file: 'cluster-health.ts', before: '  cluster.show();\n', after: '' },
  story: {
    file: 'story.ts',
    before: 'const names = await read.notifiers();',
    after: 'await condition(() => false, 1);\n  const names = await read.notifiers();',
  },
};

beforeAll(() => {
  // Replaying a failure on purpose is loud otherwise.
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
});

/** What was wrong with each history, by name; `null`: nothing. */
async function replayAll(
  workflowBundle: NonNullable<ReplayWorkerOptions['workflowBundle']>,
  histories: readonly RecordedHistory[] = HISTORIES,
) {
  const wrong: Record<string, Error | null> = {};
  // The move's id is part of what it does, and two recorded runs may share one: replayed one by one, told apart by name.
  for (const { name, workflowId, history } of histories) {
    for await (const { error } of Worker.runReplayHistories({ workflowBundle }, [{ workflowId, history }]))
      wrong[name] = error ?? null;
  }
  return wrong;
}

describe('the recorded histories', () => {
  test('cover every type of workflow', () => {
    expect([...new Set(HISTORIES.map((h) => h.workflowType))].sort()).toEqual(TYPES);
  });

  test('name no machine, no process and no file of who recorded them', () => {
    const telling = /file:\/\/|node_modules|\d+@[a-z0-9]|\/(?:home|root|Users|tmp)\//u;
    expect([...HISTORIES, ...BRICKED].filter((h) => telling.test(h.readable)).map((h) => h.name)).toEqual([]);
  });

  test('are repeated, step by step, by the runbooks of today', async () => {
    const wrong = await replayAll({ codePath: inject('workflowBundlePath') });
    expect(wrong).toEqual(Object.fromEntries(HISTORIES.map((h) => [h.name, null])));
  });
});

describe('a history that says what no run can have done', () => {
  test('is there', () => {
    expect(BRICKED.map((h) => h.name)).toEqual(['serviceGuard-armed-a-past-freeze']);
  });

  test('is not repeated, whatever the runbooks say: such a guard needs `understudy repair`', async () => {
    const wrong = await replayAll({ codePath: inject('workflowBundlePath') }, BRICKED);
    for (const error of Object.values(wrong)) expect(error).toBeInstanceOf(DeterminismViolationError);
  });
});

describe('a runbook that was changed', () => {
  let wrong: Readonly<Record<string, Error | null>>;
  beforeAll(async () => {
    wrong = await replayAll(await bundleAltered(TYPES.flatMap((type) => ALTERATIONS[type] ?? [])));
  });

  test.each(TYPES)('is noticed: %s', (type) => {
    const errors = HISTORIES.filter((h) => h.workflowType === type).map((h) => wrong[h.name]);
    expect(errors.some((error) => error instanceof DeterminismViolationError)).toBe(true);
  });
});
