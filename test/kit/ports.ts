/**
 * Ports for tests. All are below 32768, where the system takes those of outgoing connections: one of these could be
 * gone when a process that was killed wants its port back. Each worker of vitest has a range of its own, and so has each
 * folder that the project is checked out to, as far as there are ranges; UNDERSTUDY_TEST_PORTS says where to begin instead.
 */
import { createHash } from 'node:crypto';
import { isFree } from '../../src/temporal/ports.js';

/** What an instance needs: see `portsOf`; the rest is for what a test runs beside it. */
const BLOCK = 100;
const BLOCKS_A_WORKER = 10;
/** Workers are 1, 2, 3; what runs beside them (set-up, benchmarks) is 0. */
const WORKERS = 4;
const A_CHECKOUT = WORKERS * BLOCKS_A_WORKER * BLOCK;
const FIRST = 12_000;
const CHECKOUTS = 5;

const ownRange = (): number => {
  const hash = createHash('sha256')
    .update(import.meta.url)
    .digest();
  return FIRST + (hash.readUInt32BE(0) % CHECKOUTS) * A_CHECKOUT;
};

const begin = Number(process.env['UNDERSTUDY_TEST_PORTS'] ?? ownRange());
const worker = Number(process.env['VITEST_POOL_ID'] ?? 0) % WORKERS;
const blocks = Array.from({ length: BLOCKS_A_WORKER }, (_, i) => begin + (worker * BLOCKS_A_WORKER + i) * BLOCK);
let taken = 0;

/** The first of 100 ports that are free and that nobody else of this run is given. */
export async function freePortBase(): Promise<number> {
  for (let tried = 0; tried < blocks.length; tried += 1) {
    const base = blocks[taken++ % blocks.length] ?? begin;
    const ports = Array.from({ length: BLOCK }, (_port, i) => base + i);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base;
  }
  throw new Error(`no free block of ports from ${blocks[0]}: set UNDERSTUDY_TEST_PORTS`);
}

/** `count` different ones, 100 at most. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const base = await freePortBase();
  return Array.from({ length: count }, (_, i) => base + i);
}
