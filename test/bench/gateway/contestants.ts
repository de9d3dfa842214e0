/** What bench:gateway compares, each a process of its own in front of the same upstream. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild, type Child } from './child.js';

export interface Contestant {
  readonly name: string;
  /** Where chats are sent. */
  readonly url: string;
  /** What its callers must say besides the usual. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly child: Child;
}

export interface Ours extends Contestant {
  heapBytes(): Promise<number>;
}

const CHAT_PATH = '/v1/chat/completions';
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const ts = (file: string, ...args: readonly string[]): string[] => [
  process.execPath,
  '--import',
  'tsx',
  here(file),
  ...args,
];
const READY = /"event":"ready".*\n/;

const portIn = (said: string): number => Number(/"port":(\d+)/.exec(said)?.[1] ?? 0);

export async function startUpstream(): Promise<Contestant & { readonly port: number }> {
  const child = await startChild(ts('upstream.ts'), READY);
  const port = portIn(child.said());
  return { name: 'direct', url: `http://127.0.0.1:${port}${CHAT_PATH}`, child, port };
}

export async function startPassThrough(upstreamPort: number): Promise<Contestant> {
  const child = await startChild(ts('pass-through.ts', `http://127.0.0.1:${upstreamPort}`), READY);
  return { name: 'bare', url: `http://127.0.0.1:${portIn(child.said())}${CHAT_PATH}`, child };
}

/** The key of the bench's caller. */
const CALLER_KEY = `sk-${'bench'.repeat(8)}`;

/**
 * As a production set-up has it: a key with limits, an access log, limits and a queue of the clusters, conversations
 * kept. Two members, so that every stream could be continued and is kept for that; the second is the same one by its name.
 */
export async function startOurs(upstreamPort: number, dir: string): Promise<Ours> {
  const file = join(dir, 'bench.yaml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(everythingOn(upstreamPort, join(dir, 'access.log'))));
  const ports = ['--port', '0', '--admin-port', '0', '--no-admin-token'];
  const args = ['gateway', '--config', file, ...ports, '--data-dir', join(dir, 'state')];
  const child = await startChild([process.execPath, here('../../../bin/understudy.js'), ...args], READY);
  const base = /"event":"ready","url":"([^"]+)"/.exec(child.said())?.[1] ?? '';
  const admin = /"adminUrl":"([^"]+)"/.exec(child.said())?.[1] ?? '';
  return {
    name: 'ours',
    url: `${base}${CHAT_PATH}`,
    headers: { authorization: `Bearer ${CALLER_KEY}` },
    child,
    heapBytes: async () => {
      const page = await (await fetch(`${admin}/metrics`)).text();
      return Number(/^nodejs_heap_size_used_bytes\S* (\d+)/m.exec(page)?.[1]);
    },
  };
}

/** Limits that are looked at with every request, and too high to refuse one. */
function everythingOn(upstreamPort: number, accessLog: string): object {
  const sha256 = createHash('sha256').update(CALLER_KEY).digest('hex');
  const limits = { requestsPerMinute: 10_000_000, tokensPerMinute: 1_000_000_000, concurrent: 16_384 };
  const cluster = (host: string): object => ({
    url: `http://${host}:${upstreamPort}`,
    region: 'r',
    engine: 'vllm',
    model: 'bench-model',
    capacity: { concurrency: 16_384 },
  });
  return {
    version: 1,
    gateway: {
      keys: [{ name: 'bench', sha256, services: ['chat'], limits }],
      accessLog,
      conversations: { store: 'disk' },
    },
    clusters: { one: cluster('127.0.0.1'), two: cluster('localhost') },
    services: {
      chat: {
        clusters: [
          { name: 'one', role: 'primary' },
          { name: 'two', role: 'standby' },
        ],
        overload: { waiting: 256, wait: '10s', spillMax: 30 },
      },
    },
  };
}
