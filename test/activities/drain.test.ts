/** The drain of a cluster against a real gateway: what does not end in time goes on elsewhere, if it can. */
import { afterEach, expect, test } from 'vitest';
import { createMutateActivities } from '../../src/activities/mutate.js';
import { openGateway } from '../../src/traffic/gateway.js';
import type { Mutate } from '../../src/workflows/ports.js';
import { gateway, service, stopAll, upstream, type Lab } from '../gateway/kit.js';
import { openStream, readStream, type OpenedStream } from '../gateway/read-stream.js';
import { beginStream, delta, finish, frame, role } from '../gateway/upstream.js';
import { runAsActivity } from '../kit/activity-context.js';
import { clusterSpec } from '../kit/fleet.js';

afterEach(stopAll);

type Drained = Awaited<ReturnType<Mutate['drain']>>;

/** A stream on `a` that says two words and then nothing for the time being. */
async function scene(more: object): Promise<{ lab: Lab; stream: OpenedStream; drain(): Promise<Drained> }> {
  const a = await upstream((_r, res) => beginStream(res, frame(role) + frame(delta('one ')) + frame(delta('two '))));
  const b = await upstream((_r, res) => {
    beginStream(res, frame(role) + frame(delta('three')) + frame(finish('stop')) + frame('[DONE]'));
    res.end();
  });
  const lab = await gateway([service({ a: a.url, b: b.url }, { a: 100, b: 0 })]);
  const messages = [{ role: 'user', content: 'count' }];
  const stream = await openStream(lab.url, { model: 'chat', messages, stream: true, ...more });
  await stream.tokens(2);
  const { drain } = createMutateActivities({
    layer: openGateway({ adminUrl: lab.adminUrl, token: null, timeoutMs: 2_000 }),
    complete: async () => await Promise.reject(new Error('nobody asks for a completion')),
    engineRunning: async () => await Promise.resolve('unknown'),
  });
  const order = { service: 'chat', epoch: 1, cluster: clusterSpec('a'), rehome: false, timeoutMs: 300 };
  return { lab, stream, drain: async () => await (await runAsActivity({}, async () => await drain(order))).result };
}

test('a stream that outlives the deadline goes on elsewhere, and nothing is left', async () => {
  const { lab, stream, drain } = await scene({});
  expect(await drain()).toMatchObject({ left: 0 });
  expect(await readStream(stream)).toMatchObject({ text: 'one two three', errors: [], dones: 1 });
  expect((await lab.state()).callers).toMatchObject({ ok: 1, continued: 1, cut: 0 });
});

test('one that cannot go on elsewhere stays, and is named as left', async () => {
  const { lab, drain } = await scene({ logprobs: true });
  expect(await drain()).toMatchObject({ left: 1 });
  expect((await lab.state()).callers).toMatchObject({ cut: 0 });
});
