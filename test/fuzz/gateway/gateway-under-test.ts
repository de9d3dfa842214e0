/** A gateway as real processes, and what must hold of it whatever happens: it lives, nothing was thrown, nothing is held. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceDefinition, TrafficState } from '../../../src/domain/traffic.js';
import { eventually } from '../../kit/eventually.js';
import { Broken } from '../boundary.js';

const ROOT = resolve(import.meta.dirname, '../../..');
/** Sources are compiled while they load, on a machine that runs other tests. */
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 5_000;
/** Far above what the gateway's own limits (below) let a request last. */
const IDLE_MS_MAX = 15_000;
const ADMIN_MS_MAX = 15_000;
/** From the end of its connections to its own. */
const END_MS_MAX = 1_000;
const STDERR_KEPT = 8_000;

export const ADMIN_TOKEN = 'fuzz-admin-token-0123456789abcdef';

/** Short, so that stalls cost little; long enough for honest clusters on a busy machine. */
const SETTINGS = {
  connectTimeout: '2s',
  firstByteTimeout: '2s',
  idleTimeout: '2s',
  totalTimeout: '6s',
  bodyBytesMax: 2_000_000,
  conversations: { store: 'disk', maxBytes: 16_777_216 },
};

/** Events that say that something was thrown where nothing should be. */
const FAULTS: ReadonlySet<unknown> = new Set(['gateway-fault', 'admin-fault', 'worker-lost', 'process-fault', 'fault']);

/** From the sources. */
const GATEWAY = ['--import', 'tsx', 'src/cli/main.ts', 'gateway', '--no-admin-token'];

type Line = Readonly<Record<string, unknown>>;

export interface Start {
  readonly workers: number;
  /** The cluster of the service `calm`, which is there from the start. */
  readonly calmUrl: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly settings?: object;
  readonly args?: readonly string[];
  /** What runs in the gateway's place, with the same flags; the gateway itself by default. */
  readonly program?: readonly string[];
  /** How long a place may be held after its request; far above the limits of requests by default. */
  readonly idleMsMax?: number;
  /** Files that are in its data directory when it starts. */
  readonly dataFiles?: Readonly<Record<string, Buffer>>;
}

export class GatewayUnderTest {
  readonly #child: ChildProcess;
  readonly #dir: string;
  readonly #idleMsMax: number;
  readonly #ended: Promise<unknown>;
  #ready: { readonly url: string; readonly adminUrl: string } | null = null;
  #stderr = '';
  #fault: Line | null = null;
  #exit: string | null = null;
  /** The newest lines, as evidence. */
  readonly #lines: Line[] = [];

  private constructor(start: Start) {
    this.#dir = mkdtempSync(join(tmpdir(), 'fuzz-gateway-'));
    this.#idleMsMax = start.idleMsMax ?? IDLE_MS_MAX;
    const config = join(this.#dir, 'fleet.yaml');
    writeFileSync(config, JSON.stringify(fleetFile(start))); // YAML enough
    for (const [name, bytes] of Object.entries(start.dataFiles ?? {})) writeFileSync(join(this.#dir, name), bytes);
    const args = [...(start.program ?? GATEWAY), '--config', config, '--data-dir', this.#dir];
    const ports = ['--port', '0', '--admin-port', '0', '--workers', String(start.workers)];
    this.#child = spawn(process.execPath, [...args, ...ports, ...(start.args ?? [])], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, UNDERSTUDY_ADMIN_TOKEN: ADMIN_TOKEN, ...start.env },
    });
    this.#ended = once(this.#child, 'exit');
    this.#listen();
  }

  static async start(start: Start): Promise<GatewayUnderTest> {
    const gateway = new GatewayUnderTest(start);
    try {
      await eventually(() => gateway.#exit !== null || gateway.#ready !== null, READY_MS_MAX);
      gateway.mustBeWhole();
    } catch (error) {
      await gateway.close();
      throw error;
    }
    return gateway;
  }

  get url(): string {
    return this.#ready?.url ?? '';
  }

  get adminUrl(): string {
    return this.#ready?.adminUrl ?? '';
  }

  /** @throws Broken when a process ended, or something was thrown in one */
  mustBeWhole(): void {
    if (this.#exit !== null) throw new Broken(`the gateway's process ended (${this.#exit})`, this.#evidence());
    const fault = this.#fault;
    if (fault === null) return;
    this.#fault = null;
    throw new Broken(`${String(fault['event'])}: ${String(fault['message'] ?? fault['how'])}`, this.#evidence());
  }

  async admin(method: string, path: string, body?: object): Promise<unknown> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(ADMIN_MS_MAX);
    try {
      const answer = await fetch(this.adminUrl + path, { method, headers, signal, ...sent });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`${answer.status} ${text.slice(0, 500)}`);
      return path === '/metrics' ? text : JSON.parse(text);
    } catch (error) {
      await Promise.race([this.#ended, sleep(END_MS_MAX)]); // its end may be the reason, and be heard of later
      this.mustBeWhole();
      throw new Broken(`${method} ${path} of the admin API failed: ${String(error)}`, this.#evidence());
    }
  }

  /** A service of this name as if it had never been there before. */
  async define(definition: ServiceDefinition): Promise<void> {
    const { services } = (await this.admin('GET', '/state')) as { readonly services: object };
    if (Object.hasOwn(services, definition.service)) await this.admin('DELETE', `/services/${definition.service}`);
    await this.admin('PUT', `/services/${definition.service}`, definition);
  }

  /** Resolves when no request of this service holds a place or waits. @throws Broken when one is never given back */
  async idle(service: string): Promise<void> {
    let last: TrafficState | null = null;
    const holds = async (): Promise<boolean> => {
      last = (await this.admin('GET', `/state/${service}`)) as TrafficState;
      return Object.values(last.clusters).every(({ inFlight }) => inFlight === 0) && last.waiting === 0;
    };
    try {
      await eventually(holds, this.#idleMsMax);
    } catch (error) {
      if (error instanceof Broken) throw error;
      throw new Broken(
        `places were not given back in ${this.#idleMsMax} ms: ${JSON.stringify(last)}`,
        this.#evidence(),
      );
    }
  }

  /** Of the process that takes most. */
  async residentBytes(): Promise<number> {
    const page = (await this.admin('GET', '/metrics')) as string;
    const each = [...page.matchAll(/^\S*process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$/gm)].map(([, n]) =>
      Number(n),
    );
    if (each.length === 0) throw new Broken('the metrics page tells no resident memory');
    return Math.max(...each);
  }

  async close(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) {
      this.#child.kill('SIGTERM');
      const force = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS_MAX);
      await this.#ended;
      clearTimeout(force);
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #listen(): void {
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('the child has no pipes');
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    });
    createInterface({ input: stdout }).on('line', (text) => this.#hear(text));
    this.#child.on('exit', (code, signal) => {
      this.#exit = signal ?? String(code);
    });
  }

  #hear(text: string): void {
    const line = lineOf(text);
    if (line['event'] === 'ready') this.#ready = line as unknown as { url: string; adminUrl: string };
    if (FAULTS.has(line['event'])) this.#fault ??= line;
    this.#lines.push(line);
    if (this.#lines.length > 20) this.#lines.shift();
  }

  #evidence(): string {
    const told = this.#lines.filter(({ event }) => event !== 'route-changed').slice(-4);
    return [...told.map((line) => JSON.stringify(line).slice(0, 600)), this.#stderr].join('\n');
  }
}

function lineOf(text: string): Line {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return { event: 'fault', message: `a line that is no JSON: ${text.slice(0, 300)}` };
  }
}

function fleetFile({ calmUrl, settings }: Start): object {
  const calm = { url: calmUrl, region: 'eu', engine: 'vllm', model: 'calm', capacity: { concurrency: 100 } };
  return {
    version: 1,
    clusters: { calm },
    services: { calm: { clusters: [{ name: 'calm', role: 'primary' }] } },
    gateway: { ...SETTINGS, ...settings },
  };
}
