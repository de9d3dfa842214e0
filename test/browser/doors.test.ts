/** Everything else of ours that listens, and web pages: a page neither uses it, nor changes it, nor learns that it is there. */
import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createControlServer, type Controlled } from '../../src/simulator/control-server.js';
import { createServingApp } from '../../src/simulator/serving-app.js';
import { SETTINGS_DEFAULT } from '../../src/simulator/settings.js';
import { atEnd, gateway, service, stopAll, upstream } from '../gateway/kit.js';
import { answerAs } from '../gateway/upstream.js';
import { ATTACKS, attackAll, learned, type Victim } from '../kit/browser/attacks.js';
import { BROWSER_MISSING, openBrowser, type TestBrowser } from '../kit/browser/open-browser.js';

const CHAT = '{"model":"chat","messages":[]}';
const KEY = 'usk-of-a-caller';
const KEYS = [
  {
    name: 'team',
    sha256: createHash('sha256').update(KEY).digest('hex'),
    services: null,
    priorityMax: 'high' as const,
    limits: { requestsPerMinute: null, tokensPerMinute: null, concurrent: null },
  },
];

describe.skipIf(BROWSER_MISSING)('a page in a browser', () => {
  let browser: TestBrowser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(async () => {
    await stopAll();
    await browser.close();
  });

  /** Every attack on each of these; what a page read of them. */
  async function readBy(victims: readonly Victim[]): Promise<readonly string[]> {
    const attempts = await attackAll(browser.context, victims);
    expect(attempts.length).toBe(victims.length * 2 * ATTACKS);
    return learned(attempts);
  }

  test.each([
    ['without keys', {}],
    ['with keys', { keys: KEYS }],
  ])('neither uses a gateway nor steers it: %s', async (_name, settings) => {
    const a = await upstream(answerAs('a'));
    const clusters = { a: a.url, b: a.url };
    const lab = await gateway([service(clusters, { a: 100, b: 0 })], { settings });
    const [port, adminPort] = [lab.url, lab.adminUrl].map((url) => Number(new URL(url).port));
    const before = await lab.state();

    const read = await readBy([
      { port: port ?? 0, method: 'POST', path: '/v1/chat/completions', body: CHAT },
      { port: port ?? 0, method: 'GET', path: '/v1/models' },
      { port: port ?? 0, method: 'GET', path: '/readyz' },
      { port: adminPort ?? 0, method: 'PUT', path: '/routes/chat', body: '{"epoch":1,"weights":{"a":0,"b":100}}' },
      { port: adminPort ?? 0, method: 'POST', path: '/drain/chat', body: '{"epoch":1,"cluster":"a"}' },
      { port: adminPort ?? 0, method: 'DELETE', path: '/services/chat', body: '' },
      { port: adminPort ?? 0, method: 'GET', path: '/state' },
    ]);

    expect(read).toEqual([]);
    expect(a.requests).toEqual([]);
    expect(await lab.state()).toEqual(before);
    expect((await lab.chat({}, { headers: { authorization: `Bearer ${KEY}` } })).status).toBe(200);
  });

  test('neither uses a simulated cluster nor breaks it', async () => {
    const faults: string[] = [];
    const controlled: Controlled = {
      state: () => ({ cluster: 'a', url: '', servingPid: null, frozen: false, faults: [] }),
      putFault: async (fault) => await Promise.reject(new Error(faults.push(fault.kind).toString())),
      clearFaults: async () => await Promise.resolve((faults.push('cleared'), [])),
    };
    const app = createServingApp({ ...SETTINGS_DEFAULT, name: 'a', model: 'llama' });
    const control = createControlServer(controlled);
    const ports: number[] = [];
    for (const server of [app.server, control]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      ports.push((server.address() as AddressInfo).port);
      atEnd(() => server.close());
    }
    atEnd(() => app.close());
    const [serving = 0, controls = 0] = ports;

    const read = await readBy([
      { port: serving, method: 'POST', path: '/v1/chat/completions', body: '{"model":"llama","messages":[]}' },
      { port: serving, method: 'GET', path: '/metrics' },
      { port: controls, method: 'POST', path: '/fault', body: '{"kind":"errors"}' },
      { port: controls, method: 'DELETE', path: '/fault', body: '' },
      { port: controls, method: 'GET', path: '/state' },
    ]);

    expect(read).toEqual([]);
    expect(faults).toEqual([]);
  });
});

test.runIf(BROWSER_MISSING)('Chromium is not installed: what web pages can do was NOT tested', () => undefined);
