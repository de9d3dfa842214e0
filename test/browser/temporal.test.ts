/** The embedded Temporal and web pages: whatever port a page finds, it changes nothing there and learns nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectClient } from '../../src/temporal/connect.js';
import { findTemporalBinary } from '../../src/temporal/find-binary.js';
import { freePorts } from '../kit/ports.js';
import { startTemporalServer, type TemporalServer } from '../../src/temporal/start-server.js';
import { ATTACKS, attackAll, learned, type Victim } from '../kit/browser/attacks.js';
import { BROWSER_MISSING, openBrowser, type TestBrowser } from '../kit/browser/open-browser.js';
import { listeningPorts } from '../kit/listening-ports.js';

const API = '/api/v1/namespaces/default/workflows';
const ORDER = '{"signalName":"configure","input":[{"url":"http://evil.example"}]}';
const START = '{"workflowType":{"name":"serviceGuard"},"taskQueue":{"name":"control"}}';

describe.skipIf(BROWSER_MISSING)('the embedded Temporal', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'understudy-pages-'));
  let browser: TestBrowser;
  let server: TemporalServer;
  let doors: readonly number[];
  let connected: Awaited<ReturnType<typeof connectClient>>;

  beforeAll(async () => {
    const { path: binary } = await findTemporalBinary({ onLine: () => undefined });
    const [port = 0, uiPort = 0, metricsPort = 0] = await freePorts(3);
    doors = [uiPort, metricsPort];
    const order = { binary, dataDir, port, uiPort, metricsPort, namespace: 'default', onLine: () => undefined };
    [browser, server] = await Promise.all([openBrowser(), startTemporalServer(order)]);
    connected = await connectClient({ address: server.address, namespace: 'default' });
    await connected.client.workflow.start('nobodyRunsThis', { workflowId: 'victim', taskQueue: 'none', args: [] });
  });
  afterAll(async () => {
    await connected.connection.close();
    await Promise.all([browser.close(), server.stop()]);
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('is neither changed nor read by a page, on any port', async () => {
    const all = [...new Set([...listeningPorts(server.pid), ...doors])];
    const speaking = await Promise.all(all.map(speaksHttp));
    // The others speak gRPC, which no page can.
    const ports = all.filter((_, i) => speaking[i]);
    expect(ports.length).toBe(doors.length + 3);
    expect(all.length).toBeGreaterThan(ports.length);
    const before = await victimEvents();

    const attempts = await attackAll(
      browser.context,
      ports.flatMap((port): Victim[] => [
        { port, method: 'POST', path: `${API}/victim/signal/configure`, body: ORDER },
        { port, method: 'POST', path: `${API}/started-by-a-page`, body: START },
        { port, method: 'GET', path: API },
        { port, method: 'GET', path: '/metrics' },
      ]),
    );

    expect(learned(attempts)).toEqual([]);
    expect(attempts.length).toBe(ports.length * 2 * 4 * ATTACKS);
    expect(await victimEvents()).toBe(before);
    const started = connected.client.workflow.getHandle('started-by-a-page').describe();
    await expect(started).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
  });

  test('still has its UI and its metrics, for who asks by an address of this machine', async () => {
    const [uiPort = 0, metricsPort = 0] = doors;
    for (const host of ['127.0.0.1', 'localhost']) {
      const page = await browser.context.newPage();
      await page.goto(`http://${host}:${uiPort}/namespaces/default/workflows`);
      await page.getByText('victim').first().waitFor({ timeout: 20_000 });
      await page.close();
    }
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    expect(metrics).toContain('service_requests');
  });

  async function victimEvents(): Promise<number | undefined> {
    const { raw } = await connected.client.workflow.getHandle('victim').describe();
    return Number(raw.workflowExecutionInfo?.historyLength);
  }
});

/** Whether anything but a broken connection answers to HTTP/1.1 there. */
async function speaksHttp(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/', agent: false });
    asked.once('response', (answer) => {
      answer.resume();
      resolve(true);
    });
    asked.once('error', () => resolve(false));
    asked.end();
  });
}

test.runIf(BROWSER_MISSING)('Chromium is not installed: what web pages can do was NOT tested', () => undefined);
