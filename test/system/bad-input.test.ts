/**
 * What people and programs send by mistake: broken files, unknown names, signals with anything in them, bodies without
 * end. Each is answered with what is wrong; nothing is half done, no workflow hangs on it, and the next request is served.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../kit/eventually.js';
import { startInstance, type CliAnswer, type TestInstance } from '../kit/instance.js';
import { effectiveWeights, rampReaches, servingNow, statusOf, verdictsAre } from './fleet-status.js';
import { send, sendRaw } from './send.js';
import { openTemporalTools, type TemporalTools } from './temporal-cli.js';

let instance: TestInstance;
let temporal: TemporalTools;
beforeAll(async () => {
  instance = await startInstance();
  temporal = await openTemporalTools(instance);
  await verdictsAre(instance, { 'eu-a': 'healthy', 'us-b': 'healthy' });
});
afterAll(async () => {
  await temporal.close();
  await instance.stop();
});

/** What people were told without Slack: the log of the control worker. */
const told = (): string => readFileSync(join(instance.dataDir, 'logs', 'worker-control.log'), 'utf8');

const JSON_TYPE = { 'content-type': 'application/json' };

/** A write to the gateway's admin side: the status and the code of the answer. */
async function putRoute(headers: Readonly<Record<string, string>>, body: string | Buffer): Promise<unknown> {
  const url = `${instance.info().gateway.adminUrl}/routes/chat`;
  const answer = await send(url, { method: 'PUT', headers, body });
  const { code } = JSON.parse(answer.body) as { code?: string };
  return [answer.status, code];
}

describe('a wrong file', () => {
  const simulated = (): string => readFileSync(join(instance.dataDir, 'simulated.yaml'), 'utf8');
  const apply = async (text: string): Promise<CliAnswer & { readonly file: string }> => {
    const file = join(instance.dataDir, 'wrong.yaml');
    writeFileSync(file, text);
    return { ...(await instance.cli('apply', '-f', file)), file };
  };
  const orders = async (): Promise<number> => {
    const names = await Promise.all(['service/chat', 'cluster/eu-a', 'cluster/us-b'].map(temporal.signalsOf));
    return names.flat().filter((name) => name === 'configure' || name === 'retire').length;
  };

  test.each<[string, (sound: string) => string, RegExp]>([
    ['is no YAML', (sound) => sound.replace('services:', 'services: ['), /wrong\.yaml:\d+:\d+: .*/u],
    ['has an unknown key', (sound) => sound.replace('mode: auto', 'mood: auto'), /wrong\.yaml:\d+:\d+: .*mood.*Fix: /u],
    [
      'has a word for a duration',
      (sound) => sound.replace('1m', 'soon'),
      /:\d+:\d+: .*failback\.soak.*not a duration.*Fix: /u,
    ],
    [
      'names a cluster that is none',
      (sound) => sound.replace('{ name: us-b', '{ name: mars'),
      /:\d+:\d+: .*mars.*Fix: /u,
    ],
    ['is empty', () => '', /wrong\.yaml/u],
  ])('that %s is refused by line and column, with a fix, and nothing changes', async (_what, spoil, message) => {
    const before = await orders();
    const answer = await apply(spoil(simulated()));
    expect(answer.code).toBe(3);
    expect(answer.stderr).toMatch(message);
    expect(answer.stderr).toContain('next: ');
    expect(answer.stdout).toBe('');
    expect(await orders()).toBe(before);
  });

  test('is told from a sound one: that changes what it says, and only that', async () => {
    const before = await orders();
    const answer = await apply(simulated().replace('soak: 1m', 'soak: 30m'));
    expect(answer).toMatchObject({ code: 0 });
    expect(answer.stdout).toContain('spec.failback.soakMs: 60000 → 1800000');
    await eventually(async () => (await orders()) > before);
  });

  test('that is not there is refused too', async () => {
    const answer = await instance.cli('apply', '-f', join(instance.dataDir, 'no-such-file.yaml'));
    expect(answer.code).toBe(3);
    expect(answer.stderr).toContain('no-such-file.yaml');
  });
});

describe('an unknown name', () => {
  const reason = ['--reason', 'a test', '--by', 'tester'];
  test.each([
    ['status', 'nope'],
    ['history', 'nope'],
    ['plan', 'nope', '--to', 'us-b'],
    ['switchover', 'nope', '--to', 'us-b', ...reason],
    ['failover', 'nope', ...reason],
    ['failback', 'nope', ...reason],
    ['abort', 'nope', ...reason],
    ['pause', 'nope', ...reason],
    ['resume', 'nope', ...reason],
    ['skip-step', 'nope', ...reason],
    ['approve', 'nope', ...reason],
    ['decline', 'nope', ...reason],
    ['freeze', 'nope', '--for', '1m', ...reason],
    ['unfreeze', 'nope', ...reason],
  ])('of a service: %s lists the known ones', async (...args) => {
    const answer = await instance.cli(...args);
    expect(answer.code).toBe(3);
    expect(answer.stderr).toContain('no service `nope`: known are chat');
    expect(answer.stderr).toContain('next: ');
  });

  test.each([
    ['switchover', 'chat', '--to', 'mars', ...reason],
    ['failover', 'chat', '--to', 'mars', ...reason],
    ['failover', 'chat', '--from', 'mars', ...reason],
    ['plan', 'chat', '--to', 'mars'],
    ['sim', 'fault', 'mars', 'crash'],
  ])('of a cluster: %s %s %s lists the known ones', async (...args) => {
    const answer = await instance.cli(...args);
    expect(answer.code).toBe(3);
    expect(answer.stdout + answer.stderr).toMatch(/mars.*eu-a, us-b/su);
  });

  test.each([
    ['switchover', 'chat', '--to', 'us-b', '--because', 'x'],
    ['switchover', 'chat'],
    ['freeze', 'chat', '--for', 'a while', ...reason],
    ['no-such-verb'],
    ['history', 'chat', '--last', 'many'],
  ])('of an option or a verb is a usage error: %s %s', async (...args) => {
    const answer = await instance.cli(...args);
    expect(answer.code).toBe(2);
    expect(answer.stderr).not.toBe('');
  });
});

describe('a signal by hand, with Temporal’s own command line', () => {
  const REFUSED = [
    ['a text', 'switchover', '"us-b"', 'expected an object'],
    ['a number for a name', 'switchover', '{"to":7}', 'to: expected a text'],
    ['a list', 'switchover', '["us-b"]', 'expected an object'],
    ['an unknown cluster', 'switchover', '{"to":"mars","by":"me"}', 'mars is no cluster of chat'],
    ['an object for a person', 'failover', '{"by":{"first":"me"}}', 'by: expected a text'],
    ['no target', 'switchover', undefined, 'to: expected'],
    ['null', 'switchover', 'null', 'to: expected'],
    ['words for milliseconds', 'freeze', '{"forMs":"long"}', 'forMs: expected milliseconds'],
    ['no length', 'freeze', undefined, 'forMs: expected milliseconds'],
    ['nobody to answer', 'approve', '{"by":"me"}', 'no move is running'],
    ['nothing to abort', 'abort', undefined, 'no move is running'],
  ] as const;

  test.each(REFUSED)('that carries %s is answered in the story: %s %s', async (_what, verb, input, why) => {
    const count = (): number =>
      told()
        .split('\n')
        .filter((l) => l.includes(`the signal ${verb} was refused`) && l.includes(why)).length;
    const before = count();
    await temporal.signal('service/chat', verb, input);
    await eventually(() => count() > before);
  });

  /** Between our own workflows; a person may send them all the same, by mistake or out of curiosity. */
  const INTERNAL = [
    ['service/chat', 'cluster-verdict'],
    ['service/chat', 'configure'],
    ['service/chat', 'move-progress'],
    ['service/chat', 'tell-verdict'],
    ['service/chat', 'no-such-signal'],
    ['service/chat', 'fleet-view'],
    ['governor', 'report'],
    ['governor', 'leave'],
    ['cluster/eu-a', 'configure'],
    ['cluster/eu-a', 'tell-verdict'],
  ] as const;

  test.each(INTERNAL)(
    'to %s that only our workflows send (%s) changes nothing, whatever it carries',
    async (id, name) => {
      for (const input of [
        undefined,
        'null',
        '7',
        '"us-b"',
        '{}',
        '{"cluster":"eu-a","diagnosis":"dead"}',
        '{"spec":{}}',
      ])
        await temporal.signal(id, name, input);
      expect(await temporal.failedTasks(id)).toBe(0);
    },
  );

  test('fails no workflow task; the service is as it was and the right signal moves it', async () => {
    const { from, to } = await servingNow(instance);
    const ended = (await instance.history()).length;
    expect(await statusOf(instance)).toMatchObject({ move: null, mode: 'auto' });
    await verdictsAre(instance, { 'eu-a': 'healthy', 'us-b': 'healthy' });

    await temporal.signal('service/chat', 'switchover', JSON.stringify({ to, by: 'me', reason: 'upgrade' }));
    await rampReaches(instance, to, 1);
    const { move } = await statusOf(instance);
    for (const name of ['abort', 'pause', 'member-verdict', 'supersede'])
      for (const input of [17, { by: {} }, []])
        await temporal.client.workflow.getHandle(move?.id ?? '').signal(name, input);
    for (const input of [undefined, '7', '{"lines":9}']) await temporal.signal(`story/${move?.id}`, 'tell', input);

    expect(await instance.moves(ended + 1)).toMatchObject({
      state: 'done',
      by: 'me',
      reason: 'upgrade',
      via: 'signal',
    });
    expect(await effectiveWeights(instance)).toEqual({ [from]: 0, [to]: 100 });
    const stale = { epoch: 0, weights: { [from]: 100, [to]: 0 } };
    const bearer = { ...JSON_TYPE, authorization: `Bearer ${instance.info().adminToken}` };
    expect(await putRoute(bearer, JSON.stringify(stale))).toEqual([409, 'stale-epoch']);
    expect(await effectiveWeights(instance)).toEqual({ [from]: 0, [to]: 100 });
    const ids = ['governor', 'service/chat', 'cluster/eu-a', 'cluster/us-b', move?.id ?? '', `story/${move?.id}`];
    expect(await Promise.all(ids.map(temporal.failedTasks))).toEqual(ids.map(() => 0));
  });
});

describe('a body', () => {
  const MIB = 1024 * 1024;
  const wrongJson = '{"model":"chat","messages":[';
  const servedPids = (): number[] => instance.info().processes.map((p) => p.pid);
  const complete = async (): Promise<number> => {
    const body = JSON.stringify({ model: 'chat', max_tokens: 2, messages: [{ role: 'user', content: 'hello' }] });
    return (await send(`${instance.info().gateway.url}/v1/chat/completions`, { headers: JSON_TYPE, body })).status;
  };
  let pids: number[];
  beforeAll(() => (pids = servedPids()));
  afterEach(() => expect(servedPids(), 'no body costs a process its life').toEqual(pids));

  test.each([false, true])(
    'too large for the gateway is a 413 in the API’s own shape (chunked: %s)',
    async (chunked) => {
      const url = `${instance.info().gateway.url}/v1/chat/completions`;
      const answer = await send(url, { headers: JSON_TYPE, body: Buffer.alloc(17 * MIB, 'a'), chunked });
      expect(answer.status).toBe(413);
      expect(JSON.parse(answer.body)).toMatchObject({
        error: { type: 'invalid_request_error', code: 'body-too-large', message: expect.stringContaining('16777216') },
      });
      expect(await complete()).toBe(200);
    },
  );

  test.each([
    ['half of a JSON', wrongJson, 400, 'bad-input'],
    ['no JSON', 'model=chat', 400, 'bad-input'],
    ['an unknown model', '{"model":"gpt-99"}', 404, 'unknown-service'],
    // With one service only the engine has the word: it knows what it takes.
    ['a list', '[]', 400, 400],
    ['a model that is a number', '{"model":7}', 404, 404],
  ])('that is %s gets an answer in the API’s own shape', async (_what, body, status, code) => {
    const answer = await send(`${instance.info().gateway.url}/v1/chat/completions`, { headers: JSON_TYPE, body });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code, message: expect.any(String) } });
    expect(await complete()).toBe(200);
  });

  test('that ends early, and bytes that are no HTTP, harm nobody', async () => {
    const { gateway, simulated } = instance.info();
    const control = simulated['eu-a']?.controlUrl ?? '';
    for (const url of [gateway.url, gateway.adminUrl, control]) {
      await sendRaw(url, 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n\r\n{"model"', 200);
      expect(await sendRaw(url, '\u0016\u0003\u0001 hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400|^$/u);
    }
    expect(await complete()).toBe(200);
  });

  test('for the gateway’s admin side needs its token, a bound and a meaning', async () => {
    const { adminToken } = instance.info();
    const body = JSON.stringify({ epoch: 99, weights: { 'eu-a': 100, 'us-b': 0 } });
    const bearer = { ...JSON_TYPE, authorization: `Bearer ${adminToken}` };
    const before = await effectiveWeights(instance);
    const epochNow = (await statusOf(instance)).epoch;
    expect(await putRoute(JSON_TYPE, body)).toEqual([401, 'unauthorized']);
    expect(await putRoute({ ...JSON_TYPE, authorization: 'Bearer wrong' }, body)).toEqual([401, 'unauthorized']);
    expect(await putRoute(bearer, Buffer.alloc(MIB, 'a'))).toEqual([413, 'bad-input']);
    expect(await putRoute(bearer, wrongJson)).toEqual([400, 'bad-input']);
    expect(await putRoute(bearer, '{"epoch":"9","weights":{}}')).toEqual([400, 'bad-input']);
    expect(await putRoute(bearer, '{"epoch":99,"weights":{"mars":100}}')).toEqual([400, 'bad-input']);
    expect((await statusOf(instance)).epoch).toBe(epochNow);
    expect(await effectiveWeights(instance)).toEqual(before);
  });

  test('for a simulated cluster’s control port needs a bound, a type and a meaning', async () => {
    const url = `${instance.info().simulated['eu-a']?.controlUrl}/fault`;
    const order = async (
      body: string | Buffer,
      headers: Readonly<Record<string, string>> = JSON_TYPE,
    ): Promise<number> => (await send(url, { headers, body })).status;
    expect(await order(Buffer.alloc(MIB, 'a'))).toBe(413);
    expect(await order('{"kind":')).toBe(400);
    expect(await order('[]')).toBe(400);
    expect(await order('{"kind":"meteor"}')).toBe(400);
    expect(await order('{"kind":"errors","share":"all"}')).toBe(400);
    expect(await order('{"kind":"crash"}', { 'content-type': 'text/plain' })).toBe(415);
    expect(await order('{"kind":"crash"}', { ...JSON_TYPE, host: 'rebound.example' })).toBe(403);
    expect(await send(url, { method: 'GET' })).toMatchObject({
      status: 200,
      body: expect.stringContaining('"faults":[]'),
    });
  });
});
