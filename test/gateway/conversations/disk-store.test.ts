import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDiskStore } from '../../../src/gateway/conversations/disk-store.js';
import { storeContract } from './store-contract.js';

const BOUNDS = { ttlMs: 60_000, bytesMax: 16 << 20 };

storeContract('disk', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'conversations-'));
  return await Promise.resolve({
    open: async (bounds) => await Promise.resolve(openDiskStore(join(dir, 'c.mdb'), bounds, Date.now)),
    remove: async () => await Promise.resolve(rmSync(dir, { recursive: true })),
  });
});

/** Puts for ever, and says after each that it was answered. */
const WRITER = `
const { openDiskStore } = await import(process.argv[1]);
const store = openDiskStore(process.argv[2], { ttlMs: 60_000, bytesMax: ${16 << 20} }, Date.now);
for (let i = 0; ; i++) { await store.put('text-' + i, 'x'.repeat(10_000)); console.log(i); }
`;

test('a process killed while it writes leaves what it was answered, and the store usable for the others', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'conversations-'));
  const path = join(dir, 'c.mdb');
  const store = openDiskStore(path, BOUNDS, Date.now);
  try {
    const source = new URL('../../../src/gateway/conversations/disk-store.ts', import.meta.url).href;
    const args = ['--import', 'tsx', '--input-type=module', '-e', WRITER, source, path];
    const writer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let last = -1;
    writer.stdout.on('data', (chunk: Buffer) => {
      last = Number(chunk.toString().trim().split('\n').at(-1));
      if (last > 50) writer.kill('SIGKILL');
    });
    await once(writer, 'exit');
    expect(last).toBeGreaterThan(50);
    expect((await store.get(`text-${last}`))?.length).toBe(10_000);
    await store.put('mine', 'text');
    expect(await store.get('mine')).toBe('text');
    expect(statSync(path).mode & 0o077).toBe(0); // what callers say is nobody else's on this machine
  } finally {
    await store.close();
    rmSync(dir, { recursive: true });
  }
});
