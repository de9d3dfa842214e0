import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { checkAccess, checkFiles } from '../../src/cli/doctor/local-checks.js';
import type { Instance } from '../../src/config/instance.js';

const dir = mkdtempSync(join(tmpdir(), 'understudy-doctor-'));
const config = join(dir, 'fleet.yaml');
const table = join(dir, 'gateway-routes.json');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('files', () => {
  beforeEach(() => {
    for (const path of [config, table]) writeFileSync(path, '');
    for (const path of [config, table]) chmodSync(path, 0o600);
    chmodSync(dir, 0o700);
  });

  test.each<[string, string, number, string]>([
    ['the directory', dir, 0o750, dir],
    ['a table that everybody can read', table, 0o604, table],
    ['a table that a group can write', table, 0o620, table],
    ['a configuration that everybody can write', config, 0o602, `everybody can write ${config}`],
  ])('%s is a problem, with what to do', (_, path, mode, found) => {
    chmodSync(path, mode);
    const check = checkFiles(dir, config);
    expect(check).toMatchObject({ state: 'problem', found: expect.stringContaining(found) as string });
    expect(check.fix).toContain('chmod');
  });

  test.each([0o600, 0o644, 0o664])('a configuration with mode %o is nobody’s business', (mode) => {
    chmodSync(config, mode);
    expect(checkFiles(dir, config).state).toBe('ok');
    expect(checkFiles(dir, undefined).state).toBe('ok');
    expect(checkFiles(dir, join(dir, 'gone.yaml')).state).toBe('ok');
  });
});

test.each<[string, string[], boolean]>([
  ['an embedded Temporal', ['gateway', 'temporal'], true],
  ['a Temporal of somebody else', ['gateway'], false],
])('of %s it is said who is an operator there', (_, names, embedded) => {
  const instance = {
    temporal: { address: '127.0.0.1:4410', namespace: 'default', uiUrl: null },
    processes: names.map((name) => ({ name, pid: 1 })),
  } as unknown as Instance;
  expect(checkAccess(instance).found.includes('whoever reaches it is an operator')).toBe(embedded);
  expect(checkAccess(null).state).toBe('skipped');
});
