/** Whoever reads a gateway's log goes away: it serves on, and still ends as it should. */
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../kit/eventually.js';
import { gatewayProcess } from './gateway-process.js';
import { stopAll, upstream } from './kit.js';
import { answerAs } from './upstream.js';

afterEach(stopAll);

test.each([
  ['of one process', []],
  ['with workers', ['--workers', '2']],
])('a gateway %s serves on when nobody reads its log', async (_name, args) => {
  const [a, b] = [await upstream(answerAs('a')), await upstream(answerAs('b'))];
  const gateway = await gatewayProcess({ members: { a: a.url, b: b.url }, args });
  const ask = async (): Promise<string> =>
    await (
      await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'chat', messages: [] }),
      })
    ).text();
  gateway.closeLog();
  for (let epoch = 1; epoch <= 5; epoch++) {
    // Each change is a line of the log.
    const { status } = await gateway.admin('PUT', '/routes/chat', { epoch, weights: { a: 100 - epoch, b: epoch } });
    expect(status).toBe(200);
  }
  await eventually(async () => (await ask()).includes('choices'));
  gateway.kill('SIGTERM');
  expect(await gateway.ended).toBe(0);
});
