/** Simulated clusters as processes of their own, for instances whose configuration the test writes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { portsOf } from '../../src/config/instance.js';
import { clearFaults, orderFault, type FaultOrder } from '../../src/simulator/control-client.js';
import { eventually } from './eventually.js';

const BIN = fileURLToPath(new URL('../../bin/understudy.js', import.meta.url));
export const MODEL = 'llama-3.1-70b';

export interface TestFleet {
  fault(cluster: string, order: FaultOrder): Promise<void>;
  clear(cluster: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startFleet(portBase: number, names: readonly string[]): Promise<TestFleet> {
  const ports = names.map((_, i) => portsOf(portBase).simulated(i));
  const children = names.map((name, i) => {
    const { serve = 0, control = 0 } = ports[i] ?? {};
    const args = [
      'sim',
      'cluster',
      '--name',
      name,
      '--port',
      `${serve}`,
      '--control-port',
      `${control}`,
      '--model',
      MODEL,
    ];
    return spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  });
  await Promise.all(children.map(saysReady));
  const controlUrl = (name: string): string => `http://127.0.0.1:${ports[names.indexOf(name)]?.control ?? 0}`;
  return {
    fault: async (name, order) => void (await orderFault(controlUrl(name), order)),
    clear: async (name) => void (await clearFaults(controlUrl(name), null)),
    stop: async () => {
      for (const child of children) child.kill('SIGTERM');
      await eventually(() => children.every((child) => child.exitCode !== null || child.signalCode !== null));
    },
  };
}

async function saysReady(child: ChildProcess): Promise<void> {
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await eventually(() => said.includes('"ready"'), 30_000);
}

/** The clusters and the service `chat` as YAML; `more` is appended to the service, indented by four. */
export function fleetYaml(portBase: number, names: readonly string[], more: readonly string[] = []): string {
  const url = (i: number): string => `http://127.0.0.1:${portsOf(portBase).simulated(i).serve}`;
  return [
    'clusters:',
    ...names.map(
      (name, i) =>
        `  ${name}: { url: "${url(i)}", region: r${i}, engine: vllm, model: ${MODEL}, capacity: { concurrency: 64 } }`,
    ),
    'services:',
    '  chat:',
    '    clusters:',
    ...names.map((name, i) => `      - { name: ${name}, role: ${i === 0 ? 'primary' : 'standby'} }`),
    ...more.map((line) => `    ${line}`),
    '',
  ].join('\n');
}
