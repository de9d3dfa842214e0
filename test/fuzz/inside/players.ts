/** Parts that are played inside a process of their own: the real code against a server that answers anything. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NOTHING_DELIVERED, type StoryView } from '../../../src/domain/story.js';
import { startGateway } from '../../../src/gateway/gateway.js';
import { createControlServer, type Controlled } from '../../../src/simulator/control-server.js';
import { openSlack } from '../../../src/notify/slack.js';
import { openWebhook } from '../../../src/notify/webhook.js';
import type { Notifier } from '../../../src/notify/notifier.js';
import { SETTINGS, service } from '../../gateway/kit.js';
import { probeEverything } from '../../probes/all-probes.js';
import { Broken } from '../boundary.js';
import { HostileCluster } from '../gateway/hostile-cluster.js';
import { callRaw, mustBeAnswers } from '../gateway/raw-caller.js';
import type { Script } from '../generate/answers.js';
import type { AddressInfo } from 'node:net';

export type Player = (one: never) => Promise<void>;

const PROBE_MS_MAX = 300;
/** Far above the limits of what is played. */
const PLAY_MS_MAX = 20_000;

const target = await HostileCluster.start();

async function probes({ script }: { readonly script: Script }): Promise<void> {
  target.says(script);
  const seen = await inTime(probeEverything(target.url, PROBE_MS_MAX, AbortSignal.timeout(PLAY_MS_MAX)));
  const text = JSON.stringify(seen);
  // eslint-disable-next-line no-control-regex -- what a terminal would obey
  if (/[\x00-\x1f\x7f]/.test(text)) throw new Broken(`what was seen is not printable: ${text.slice(0, 500)}`);
}

const STORY: StoryView = {
  id: 'story/move/s/1',
  head: {
    service: 's',
    title: 't',
    state: 'running',
    tone: 'good' as never,
    cause: 'c',
    from: ['a'],
    to: 'b',
    progressPct: 5,
    next: ['understudy status'],
  },
  lines: [{ key: 'k', atMs: 1, text: 'hello', broadcast: true }],
  ended: false,
};

/** An answer that means nothing is a failure that is told; what is thrown is an error with words. */
async function notifiers({ script, maybe }: { readonly script: Script; readonly maybe: boolean }): Promise<void> {
  target.says(script);
  const opened: readonly Notifier[] = [
    openSlack({ token: 'xoxb-x', channel: '#c', apiUrl: `${target.url}/api/` }),
    openWebhook({ url: target.url, secret: 's'.repeat(32) }),
  ];
  for (const one of opened) {
    const told = one.publish(STORY, NOTHING_DELIVERED, { maybe, progress: () => undefined });
    await inTime(told).catch((error: unknown) => {
      if (error instanceof Broken) throw error;
      const code = (error as { readonly code?: unknown }).code;
      if (typeof code !== 'string') throw new Broken(`${one.name} threw ${String((error as Error).stack)}`);
    });
  }
}

interface TableCase {
  /** What is on disk at the start; `null`: nothing. */
  readonly file: string | null;
  readonly peers: readonly Script[];
}

const peers: HostileCluster[] = [];

/** Whatever lies on disk and whatever peers say: the gateway starts, and answers for itself. */
async function tables({ file, peers: scripts }: TableCase): Promise<void> {
  while (peers.length < scripts.length) peers.push(await HostileCluster.start());
  for (const [i, script] of scripts.entries()) peers[i]?.says(script);
  const dataDir = mkdtempSync(join(tmpdir(), 'fuzz-tables-'));
  if (file !== null) writeFileSync(join(dataDir, 'gateway-routes.json'), file, 'latin1');
  try {
    const gateway = await inTime(
      startGateway({
        ...{ host: '127.0.0.1', port: 0, adminHost: '127.0.0.1', adminPort: 0, dataDir, adminToken: null },
        peers: scripts.map((_script, i) => peers[i]?.url ?? ''),
        settings: SETTINGS,
        definitions: [service({ a: 'http://127.0.0.1:1' }, { a: 100 })],
        clock: Date.now,
        audit: () => undefined,
      }),
    );
    const ready = await fetch(`${gateway.url}/readyz`);
    await gateway.close(0);
    if (ready.status !== 200) throw new Broken(`the gateway is not ready: ${ready.status} ${await ready.text()}`);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const CONTROLLED: Controlled = {
  state: () => ({ cluster: 'c', url: 'http://127.0.0.1:1', servingPid: null, frozen: false, faults: [] }),
  putFault: async (fault, durationMs) => await Promise.resolve({ ...fault, durationMs } as never),
  clearFaults: async (kind) => await Promise.resolve(kind === null ? [] : [kind]),
};
const control = createControlServer(CONTROLLED);
await new Promise<void>((resolve) => control.listen(0, '127.0.0.1', resolve));

async function simulator({ writes }: { readonly writes: readonly string[] }): Promise<void> {
  const url = `http://127.0.0.1:${(control.address() as AddressInfo).port}`;
  mustBeAnswers(await callRaw(url, { writes, leave: 'end' }), false);
}

async function inTime<T>(playing: Promise<T>): Promise<T> {
  let late: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    late = setTimeout(() => reject(new Broken(`it was not over after ${PLAY_MS_MAX} ms`)), PLAY_MS_MAX);
  });
  return await Promise.race([playing, deadline]).finally(() => clearTimeout(late));
}

export const PLAYERS = { probes, notifiers, tables, simulator };
