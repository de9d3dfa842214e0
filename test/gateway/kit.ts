/** A real gateway before real upstream servers, all in this process and on loopback; `afterEach(stopAll)` ends them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GatewaySettings } from '../../src/domain/fleet.js';
import type { ServiceDefinition, TrafficState } from '../../src/domain/traffic.js';
import { startGateway, type GatewayOptions, type RunningGateway } from '../../src/gateway/gateway.js';
import { startUpstream, type Behaviour, type Upstream } from './upstream.js';

export const SETTINGS: GatewaySettings = {
  adminUrls: [],
  workers: 1,
  connectTimeoutMs: 1_000,
  firstByteTimeoutMs: 5_000,
  idleTimeoutMs: 5_000,
  totalTimeoutMs: 30_000,
  bodyBytesMax: 1024 * 1024,
  shutdown: { delayMs: 0, graceMs: 8_000 },
  conversations: { store: 'off', ttlMs: 60_000, bytesMax: 16 << 20, redisUrlEnv: 'UNDERSTUDY_REDIS_URL' },
};

export const gatewaySettings = (): GatewaySettings => SETTINGS;

const stops: (() => unknown)[] = [];

/** What must be ended after the test; the newest first. */
export function atEnd(stop: () => unknown): void {
  stops.push(stop);
}

export async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
  stops.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export async function upstream(behaviour: Behaviour): Promise<Upstream> {
  const server = await startUpstream(behaviour);
  stops.push(async () => await server.crash());
  return server;
}

export interface Lab extends RunningGateway {
  readonly lines: Record<string, unknown>[];
  state(service?: string): Promise<TrafficState>;
  admin(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  /** One chat completion. */
  chat(
    body?: object,
    init?: { headers?: Record<string, string>; path?: string; signal?: AbortSignal },
  ): Promise<Response>;
}

export async function gateway(
  definitions: readonly ServiceDefinition[],
  options: Partial<Omit<GatewayOptions, 'settings'>> & { settings?: Partial<GatewaySettings> } = {},
): Promise<Lab> {
  const lines: Record<string, unknown>[] = [];
  const running = await startGateway({
    host: '127.0.0.1',
    port: 0,
    adminHost: '127.0.0.1',
    adminPort: 0,
    dataDir: options.dataDir ?? tempDir(),
    adminToken: null,
    definitions,
    clock: Date.now,
    audit: (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
    ...options,
    settings: { ...SETTINGS, ...options.settings },
  });
  let closed = false;
  const close = async (graceMs: number): Promise<void> => {
    if (closed) return;
    closed = true;
    await running.close(graceMs);
  };
  stops.push(async () => await close(0));
  const admin: Lab['admin'] = async (method, path, body, headers = {}) => {
    const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await fetch(running.adminUrl + path, { method, headers: { ...type, ...headers }, ...sent });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  return {
    ...running,
    close,
    lines,
    admin,
    state: async (service = 'chat') => (await admin('GET', `/state/${service}`)).body as unknown as TrafficState,
    chat: async (body = {}, init = {}) =>
      await fetch(`${running.url}${init.path ?? '/v1/chat/completions'}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...init.headers },
        body: JSON.stringify({ model: 'chat', messages: [], ...body }),
        ...(init.signal === undefined ? {} : { signal: init.signal }),
      }),
  };
}

export function service(
  members: Readonly<Record<string, string>>,
  home: Readonly<Record<string, number>>,
  change: Partial<ServiceDefinition> = {},
): ServiceDefinition {
  return {
    service: 'chat',
    strategy: 'primary-standby',
    members: Object.entries(members).map(([cluster, url]) => ({
      cluster,
      url,
      model: 'llama',
      engine: 'vllm' as const,
      concurrency: 64,
    })),
    home,
    ...change,
  };
}
