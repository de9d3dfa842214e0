/** Whoever reaches Temporal may say anything to a guard. What its people then read, from the real verbs, is harmless. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { VERB_FILES } from '../../src/cli/verb-files.js';
import { guardViewQuery } from '../../src/workflows/messages.js';
import { eventually } from '../kit/eventually.js';
import { HOSTILE_TEXTS, rawCharacterIn } from '../kit/hostile-texts.js';
import { openScene, type Scene } from '../kit/move-scene.js';
import { closeWithGuards, guardOfTwo, type Guard } from '../kit/restart-at-timer.js';

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ address: inject('temporalAddress'), workflowBundle: inject('workflowBundlePath') });
});
afterAll(async () => await closeWithGuards(scene));

/** What a verb prints. */
async function printed(verb: 'status' | 'explain' | 'history', ...words: string[]): Promise<string> {
  const where = ['--temporal', inject('temporalAddress'), '--namespace', scene.namespace];
  const command = await VERB_FILES[verb]?.load();
  const [out, err] = [process.stdout.write.bind(process.stdout), process.stderr.write.bind(process.stderr)];
  let text = '';
  process.stdout.write = process.stderr.write = (chunk: unknown): boolean => ((text += String(chunk)), true);
  try {
    await command?.parseAsync([...words, ...where, '--gateway-admin', scene.gateway.adminUrl], { from: 'user' });
  } finally {
    process.stdout.write = out;
    process.stderr.write = err;
  }
  return text;
}

/** As long as an order may be; longer ones are refused. */
const ORDER_CHARS_MAX = 500;

/** By signal, as anybody could with Temporal's own CLI. */
async function say(guard: Guard, text: string, sinceMs: number): Promise<void> {
  const evidence = [{ dimension: 'http', seen: text, threshold: text, sinceMs, by: text }];
  const diagnosis = { verdict: 'degraded', sinceMs, evidence, unwatchedFrom: [text] };
  const who = { by: text.slice(0, ORDER_CHARS_MAX), reason: text.slice(0, ORDER_CHARS_MAX) };
  await guard.signal('switchover', { ...who, to: 'b' });
  await guard.signal('freeze', { ...who, forMs: 60_000 });
  await guard.signal('cluster-verdict', { cluster: 'a', diagnosis, lastGenerationOkAtMs: null });
}

test('signals of any words forge nothing in status, explain and history', async () => {
  const guard = await guardOfTwo(scene);
  const service = guard.workflowId.replace('service/', '');
  for (const [i, [name, text]] of HOSTILE_TEXTS.entries()) {
    await say(guard, text.slice(0, 50_000), i + 1);
    await eventually(async () => {
      const { clusters, frozen } = await guard.query(guardViewQuery);
      return (
        frozen !== null && clusters.find((cluster) => cluster.name === 'a')?.since === new Date(i + 1).toISOString()
      );
    });
    for (const seen of [
      await printed('status'),
      await printed('explain', service),
      await printed('history', service),
    ]) {
      expect(seen, name).toContain(service);
      expect(rawCharacterIn(seen), name).toBeNull();
      expect(Buffer.byteLength(seen), name).toBeLessThan(100_000);
    }
  }
});
