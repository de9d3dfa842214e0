import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findTarget } from '../../src/cli/target.js';
import { type Instance, writeInstance } from '../../src/config/instance.js';

const dir = mkdtempSync(join(tmpdir(), 'understudy-target-'));
const instance: Instance = {
  pid: process.pid,
  startedAt: '2026-01-01T00:00:00.000Z',
  portBase: 4400,
  configFile: 'fleet.yaml',
  temporal: { address: '127.0.0.1:4410', namespace: 'home', uiUrl: null },
  gateway: { url: 'http://127.0.0.1:4401', adminUrl: 'http://127.0.0.1:4402' },
  adminToken: 'secret-of-the-instance',
  simulated: {},
  processes: [],
};
beforeAll(() => writeInstance(dir, instance));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('an instance names its Temporal, its gateway and its token', () => {
  expect(findTarget({ dataDir: dir }, {})).toMatchObject({
    address: '127.0.0.1:4410',
    namespace: 'home',
    gatewayAdmin: { urls: ['http://127.0.0.1:4402'], token: 'secret-of-the-instance' },
  });
});

test('--temporal wins over everything, and has no gateway unless one is named', () => {
  const env = { UNDERSTUDY_DATA_DIR: dir, TEMPORAL_ADDRESS: 'env:1' };
  expect(findTarget({ temporal: 'flag:1' }, env)).toMatchObject({
    address: 'flag:1',
    namespace: 'default',
    gatewayAdmin: null,
  });
  const named = findTarget(
    { temporal: 'flag:1', gatewayAdmin: 'http://gw:1, http://gw:2' },
    { ...env, UNDERSTUDY_ADMIN_TOKEN: 't' },
  );
  expect(named.gatewayAdmin).toEqual({ urls: ['http://gw:1', 'http://gw:2'], token: 't' });
});

test('a data directory that was named wins over TEMPORAL_ADDRESS, the default one does not', () => {
  expect(findTarget({ dataDir: dir }, { TEMPORAL_ADDRESS: 'env:1' }).address).toBe('127.0.0.1:4410');
  expect(findTarget({}, { TEMPORAL_ADDRESS: 'env:1' }).address).toBe('env:1');
});

test('the token of the environment wins over the instance’s', () => {
  expect(findTarget({ dataDir: dir }, { UNDERSTUDY_ADMIN_TOKEN: 'other' }).gatewayAdmin?.token).toBe('other');
});
