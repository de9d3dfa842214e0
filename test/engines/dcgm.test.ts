import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readDcgm } from '../../src/engines/dcgm.js';

/** Written from the exporter's documentation: cards of `llm-0` (well) and `llm-1` (lost from the bus). */
const PAGE = readFileSync(new URL('../fixtures/engines/dcgm-exporter-metrics.txt', import.meta.url), 'utf8');

test('one fatal error makes the cluster unhealthy; the fullest card counts', () => {
  expect(readDcgm(PAGE)).toEqual({ gpu: { healthy: false, xid: 79 }, memory: { used: 0.9 } });
});

test('labels choose the cards of a cluster that shares its node', () => {
  expect(readDcgm(PAGE, { pod: 'llm-0' })).toEqual({ gpu: { healthy: true }, memory: { used: 0.75 } });
  expect(readDcgm(PAGE, { pod: 'llm-0', gpu: '1' })).toEqual({ gpu: null, memory: null });
});

test.each([
  [0, true],
  [13, true],
  [31, true],
  [43, true],
  [48, false],
  [63, true],
  [64, false],
  [74, true],
  [79, false],
  [94, true],
  [95, false],
])('XID %d leaves the card healthy: %s', (xid, healthy) => {
  expect(readDcgm(`DCGM_FI_DEV_XID_ERRORS{gpu="0"} ${xid}\n`).gpu?.healthy).toBe(healthy);
});

test('what is missing, blank or impossible is not known', () => {
  expect(readDcgm('')).toEqual({ gpu: null, memory: null });
  expect(readDcgm('<html>').gpu).toBeNull();
  expect(readDcgm('DCGM_FI_DEV_FB_USED{gpu="0"} 7\n').memory).toBeNull();
  expect(readDcgm('DCGM_FI_DEV_FB_USED{gpu="0"} 7\nDCGM_FI_DEV_FB_FREE{gpu="1"} 1\n').memory).toBeNull();
  expect(readDcgm('DCGM_FI_DEV_FB_USED 9223372036854775794\nDCGM_FI_DEV_FB_FREE 1\n').memory).toBeNull();
  expect(readDcgm('DCGM_FI_DEV_FB_USED 0\nDCGM_FI_DEV_FB_FREE 0\n').memory).toBeNull();
  expect(readDcgm('DCGM_FI_DEV_FB_USED -1\nDCGM_FI_DEV_FB_FREE 2\n').memory).toBeNull();
});

test('an exporter of an older release, without a UUID, is understood by the card number', () => {
  expect(readDcgm('DCGM_FI_DEV_FB_FREE{gpu="0"} 25\nDCGM_FI_DEV_FB_USED{gpu="0"} 75\n').memory).toEqual({ used: 0.75 });
});

test('whatever comes, it neither throws nor leaves 0 to 1', () => {
  fc.assert(
    fc.property(fc.double(), fc.double(), fc.string(), (used, free, noise) => {
      const seen = readDcgm(`DCGM_FI_DEV_FB_USED ${used}\n${noise}\nDCGM_FI_DEV_FB_FREE ${free}\n`);
      if (seen.memory !== null) {
        expect(seen.memory.used).toBeGreaterThanOrEqual(0);
        expect(seen.memory.used).toBeLessThanOrEqual(1);
      }
    }),
  );
});
