/** When completions are sent beside the ticks; time is an argument, the engine is real and stands still. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { beginVantage, type VantageHealth } from '../../src/domain/health/vantage.js';
import { createGenerationRunner, type GenerationRunner } from '../../src/probes/generation-runner.js';
import { eventually } from '../kit/eventually.js';
import { ToyEngine } from './toy-engine.js';

const AT_MS = 1_000_000;
/** Well for long, and answered for the last time so long ago that a completion is due. */
const CALM: VantageHealth = { ...beginVantage(0), verdict: 'healthy', lastGenerationAtMs: AT_MS - 5_000 };

let engine: ToyEngine;
let runner: GenerationRunner;
let life: AbortController;
beforeEach(async () => {
  engine = await ToyEngine.start({ generation: 'no-second-token' });
  life = new AbortController();
  runner = createGenerationRunner(engine.cluster(), life.signal, () => undefined);
});
afterEach(async () => {
  life.abort();
  await engine.crash();
});

const sent = (): number => engine.prompts.length;

async function considerAt(laterMs: number, health = CALM): Promise<number> {
  const before = sent();
  runner.consider(health, AT_MS + laterMs);
  // One that was sent arrives soon; that none was sent shows when the next one is the only one that arrived.
  await eventually(() => sent() > before, 300).catch(() => undefined);
  return sent();
}

test('one at a time while all is well; one that is overdue is a doubt, and the next ones do not wait for its end', async () => {
  const limit = engine.cluster().probes.latency?.maxMs ?? 0;
  expect(await considerAt(0)).toBe(1);
  expect(await considerAt(limit - 1)).toBe(1);
  expect(await considerAt(limit)).toBe(2);
  expect(await considerAt(2 * limit)).toBe(3);
  expect(await considerAt(3 * limit)).toBe(4);
  // As many as make a verdict, and one more.
  expect(await considerAt(4 * limit)).toBe(4);
});

test('a queue that moves explains why it is late', async () => {
  const crowded: VantageHealth = { ...CALM, engine: { ...CALM.engine, crowded: true } };
  expect(await considerAt(0, crowded)).toBe(1);
  expect(await considerAt(4_000, crowded)).toBe(1);
});
