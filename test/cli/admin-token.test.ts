/** The token that a gateway makes for itself. */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { findTarget } from '../../src/cli/target.js';
import { ownAdminToken, readAdminToken } from '../../src/config/admin-token.js';
import { gatewayProcess } from '../gateway/gateway-process.js';
import { stopAll, tempDir, upstream } from '../gateway/kit.js';
import { answerAs } from '../gateway/upstream.js';

afterEach(stopAll);

test('is made at the first start, for its user alone, and asked for; the next start has the same', async () => {
  const dataDir = tempDir();
  const a = await upstream(answerAs('a'));
  const gateway = await gatewayProcess({ members: { a: a.url }, dataDir, ownToken: true });
  const file = join(dataDir, 'gateway-admin-token');
  const token = readAdminToken(dataDir) ?? '';
  expect(token).toMatch(/^[\w-]{32}$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(gateway.lines).toContainEqual(expect.objectContaining({ event: 'admin-token', file }));
  expect(JSON.stringify(gateway.lines)).not.toContain(token);
  const state = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${gateway.adminUrl}/state`, { headers })).status;
  expect([await state({}), await state({ authorization: `Bearer ${token}` })]).toEqual([401, 200]);
  const found = findTarget({ dataDir, temporal: 'localhost:1', gatewayAdmin: gateway.adminUrl }, {});
  expect(found.gatewayAdmin?.token).toBe(token);
  expect(ownAdminToken(dataDir)).toBe(token);
});

test('is switched off in so many words', async () => {
  const a = await upstream(answerAs('a'));
  const gateway = await gatewayProcess({ members: { a: a.url } });
  expect(gateway.lines).toContainEqual(expect.objectContaining({ event: 'admin-open' }));
  expect((await gateway.admin('GET', '/state')).status).toBe(200);
});

test('is sent to no other machine', () => {
  const dataDir = tempDir();
  ownAdminToken(dataDir);
  const tokenFor = (gatewayAdmin: string, env: NodeJS.ProcessEnv = {}): string | null | undefined =>
    findTarget({ dataDir, temporal: 'localhost:1', gatewayAdmin }, env).gatewayAdmin?.token;
  expect(tokenFor('http://10.0.0.7:4402')).toBeNull();
  expect(tokenFor('http://127.0.0.1:4402,http://10.0.0.7:4402')).toBeNull();
  expect(tokenFor('http://127.0.0.1:4402', { UNDERSTUDY_ADMIN_TOKEN: 'chosen' })).toBe('chosen');
  expect(tokenFor('http://127.0.0.1:4402', { UNDERSTUDY_ADMIN_TOKEN: '' })).toBe(ownAdminToken(dataDir));
});

test('a file that holds none is named', () => {
  const dataDir = tempDir();
  writeFileSync(join(dataDir, 'gateway-admin-token'), 'no token\n', { mode: 0o600 });
  expect(() => ownAdminToken(dataDir)).toThrow(/gateway-admin-token holds no token/);
});
