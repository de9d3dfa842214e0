import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

const deep = '['.repeat(300_000) + ']'.repeat(300_000);
test.each([
  ['nothing', ''],
  ['half of it', JSON.stringify(instance).slice(0, 100)],
  ['binary', '\u0000\u0001\uFFFD'],
  ['null', 'null'],
  ['a list', '[]'],
  ['no fields', '{}'],
  ['300,000 levels', deep],
  ['a process of 0, to which all of a group belong', JSON.stringify({ ...instance, pid: 0 })],
  ['a process below 0', JSON.stringify({ ...instance, processes: [{ name: 'x', pid: -1 }] })],
  ['an address that is none', JSON.stringify({ ...instance, gateway: { url: 'file:///etc/passwd', adminUrl: 'x' } })],
  ['an address of another kind', JSON.stringify({ ...instance, temporal: { address: { toString: 0 } } })],
  ['clusters of another kind', JSON.stringify({ ...instance, simulated: { a: null } })],
])('an instance.json that holds %s is told as that, with what to do', (_name, text) => {
  const other = mkdtempSync(join(tmpdir(), 'understudy-target-'));
  writeInstance(other, instance);
  writeFileSync(join(other, 'instance.json'), text);
  try {
    expect(() => findTarget({ dataDir: other }, {})).toThrow(
      expect.objectContaining({ code: 'bad-config', message: expect.stringContaining('Nothing was asked or sent') }),
    );
  } finally {
    rmSync(other, { recursive: true, force: true });
  }
});
