/** Workers that start before their namespace, or without one: each works or ends, with its code and in so many words. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Connection } from '@temporalio/client';
import { describe, expect, inject, test } from 'vitest';
import { eventually } from '../kit/eventually.js';

const WORKERS = [
  ['control', []],
  ['probe', ['--vantage', 'eu']],
] as const;

function start(kind: string, more: readonly string[], namespace: string) {
  const where = [
    '--temporal',
    inject('temporalAddress'),
    '--namespace',
    namespace,
    '--gateway-admin',
    'http://127.0.0.1:1',
  ];
  const child = spawn(process.execPath, ['bin/understudy.js', 'worker', kind, ...more, ...where], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  return { child, ended, said: () => said };
}

async function makeNamespace(namespace: string): Promise<void> {
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  const workflowExecutionRetentionPeriod = { seconds: 86_400 as unknown as never };
  await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
  await connection.close();
}

describe.concurrent('a worker of kind', () => {
  test.each(WORKERS)('%s waits for a namespace that comes a moment later', async (kind, more) => {
    const namespace = `later-${kind}-${process.pid}`;
    const worker = start(kind, more, namespace);
    await eventually(() => worker.said().includes('"starting"'), 60_000);
    await makeNamespace(namespace);
    await eventually(() => worker.said().includes('"ready"'), 60_000);
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toBe(0);
  });

  test.each(WORKERS)('%s whose namespace never comes ends, and says what is missing', async (kind, more) => {
    const worker = start(kind, more, `never-${kind}`);
    expect(await worker.ended).toBe(4);
    expect(worker.said()).toMatch(/has no namespace never-(?:control|probe); nothing was started\nnext: /);
  });

  test.each(WORKERS)('%s that waits ends at the first SIGTERM', async (kind, more) => {
    const worker = start(kind, more, `waiting-${kind}`);
    await eventually(() => worker.said().includes('"starting"'), 60_000);
    worker.child.kill('SIGTERM');
    const startedAt = Date.now();
    expect(await worker.ended).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(12_000); // waiting for the namespace takes longer
  });
});
