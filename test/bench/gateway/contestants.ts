/** What bench:gateway compares, each a process of its own in front of the same upstream. */
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

/** Two members, so that every stream could be continued and is kept for that; the second is the same one by its name. */
export async function startOurs(upstreamPort: number, dir: string): Promise<Contestant> {
  const member = (name: string, host: string): string =>
    `  ${name}: { url: "http://${host}:${upstreamPort}", region: r, engine: vllm, model: bench-model, capacity: { concurrency: 16384 } }`;
  const config = [
    'version: 1',
    'clusters:',
    member('one', '127.0.0.1'),
    member('two', 'localhost'),
    'services:',
    '  chat: { clusters: [ { name: one, role: primary }, { name: two, role: standby } ] }',
    '',
  ].join('\n');
  const file = join(dir, 'bench.yaml');
  writeFileSync(file, config);
  const args = ['gateway', '--config', file, '--port', '0', '--admin-port', '0', '--data-dir', join(dir, 'state')];
  const child = await startChild([process.execPath, here('../../../bin/understudy.js'), ...args], READY);
  const base = /"event":"ready","url":"([^"]+)"/.exec(child.said())?.[1] ?? '';
  return { name: 'ours', url: `${base}${CHAT_PATH}`, child };
}
