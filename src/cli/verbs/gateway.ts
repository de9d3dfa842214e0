/** `understudy gateway`: one gateway in the foreground, JSON lines on stdout. It needs no Temporal, to start or to serve. */
import { messageOf } from '../../domain/describe-error.js';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { adminTokenFile, chosenAdminToken, ownAdminToken } from '../../config/admin-token.js';
import { readClientTls, readServerTls } from '../../config/admin-tls.js';
import { dataDir } from '../../config/instance.js';
import { type Fleet, GATEWAY_WORKERS_MAX, type ShutdownSettings } from '../../domain/fleet.js';
import { isLoopbackHost } from '../../domain/loopback.js';
import { serviceDefinition, type ServiceDefinition } from '../../domain/traffic.js';
import type { RunningGateway } from '../../gateway/gateway.js';
import { eventLine, serveUntilStopped } from '../long-running.js';
import { version } from '../version.js';
import { does, verb } from '../verb.js';

interface GatewayOptions {
  readonly config: string;
  readonly host: string;
  readonly port: number;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly workers?: number | 'auto';
  readonly peer?: readonly string[];
  readonly dataDir?: string;
  readonly adminTlsCert?: string;
  readonly adminTlsKey?: string;
  readonly adminClientCa?: string;
  /** `false`: nobody is asked for one. */
  readonly adminToken: boolean;
}

export function gatewayCommand(): Command {
  const command = verb('gateway', 'Run a gateway in the foreground.')
    .requiredOption('--config <file>', 'configuration file: limits, and the services of a first start')
    .option('--host <address>', 'where callers connect', '127.0.0.1')
    .option('--port <n>', 'port for callers; 0 lets the system choose', port, 4401)
    .option('--admin-host <address>', 'where workers and operators connect', '127.0.0.1')
    .option('--admin-port <n>', 'port of the admin API; 0 lets the system choose', port, 4402)
    .option('--admin-tls-cert <file>', 'certificate of the admin API; with --admin-tls-key it speaks HTTPS')
    .option('--admin-tls-key <file>', 'its key')
    .option('--admin-client-ca <file>', 'admin clients must show a certificate that this authority signed')
    .option('--no-admin-token', 'let every program that reaches the admin API move traffic')
    .option(
      '--workers <n>',
      'processes that serve callers, auto for one a core (default: as configured, else 1)',
      workers,
    )
    .option('--peer <url>', 'admin URL of a gateway that serves the same, asked at start; repeatable', peer)
    .option('--data-dir <dir>', 'where the route table is kept (default: $UNDERSTUDY_DATA_DIR or .understudy)');
  return does<GatewayOptions>(command, async (options) => {
    const { loadFleet } = await import('../../config/load.js');
    const fleet = loadFleet(options.config);
    const { startGateway } = await import('../../gateway/gateway.js');
    return await serveUntilStopped(async () => {
      const { host, port: publicPort, adminHost, adminPort } = options;
      const dir = dataDir(options.dataDir);
      const gateway = await startGateway({
        host,
        port: publicPort,
        adminHost,
        adminPort,
        peers: options.peer ?? fleet.gateway.adminUrls,
        workers: workerCount(options.workers ?? fleet.gateway.workers),
        dataDir: dir,
        adminToken: tokenFor(options, dir),
        adminTls: readServerTls(options),
        peerTls: readClientTls(process.env),
        version: version(),
        redisUrl: process.env[fleet.gateway.conversations.redisUrlEnv] ?? null,
        settings: fleet.gateway,
        definitions: serviceDefinitions(fleet),
        clock: Date.now,
        audit: (line) => process.stdout.write(`${line}\n`),
      });
      process.on('SIGHUP', keysAgain(gateway, options.config));
      eventLine({ event: 'ready', url: gateway.url, adminUrl: gateway.adminUrl });
      return { stop: async () => await stopGateway(gateway, fleet.gateway.shutdown) };
    });
  });
}

/** One that was chosen; else its own, unless certificates say who comes, or nobody is to be asked. */
function tokenFor({ adminToken, adminClientCa, adminHost }: GatewayOptions, dir: string): string | null {
  const chosen = chosenAdminToken(process.env);
  if (chosen !== null) return chosen;
  // Beyond this machine a token has to be chosen, or certificates: without, the start is refused.
  if (adminClientCa !== undefined || !isLoopbackHost(adminHost)) return null;
  if (adminToken) {
    const token = ownAdminToken(dir);
    eventLine({
      event: 'admin-token',
      message: 'the admin API asks for the token in this file',
      file: adminTokenFile(dir),
    });
    return token;
  }
  const message =
    'the admin API asks nobody who he is: every program that reaches it may move traffic. Next: start without --no-admin-token';
  eventLine({ event: 'admin-open', message });
  return null;
}

/** What a gateway must know of each service when its disk knows nothing yet. */
export function serviceDefinitions(fleet: Fleet): ServiceDefinition[] {
  const clusters = Object.values(fleet.clusters);
  return Object.values(fleet.services).map((service) => serviceDefinition(service, clusters));
}

/** Load balancers see that it goes, and stop sending, before its port closes. */
async function stopGateway(running: RunningGateway, { delayMs, graceMs }: ShutdownSettings): Promise<void> {
  await running.announceEnd();
  await sleep(delayMs);
  await running.close(graceMs);
}

/** What a SIGHUP does: one reading at a time, the last signal is never lost, and callers are served meanwhile. */
function keysAgain(running: RunningGateway, file: string): () => void {
  let [reading, again] = [false, false];
  const read = async (): Promise<void> => {
    reading = true;
    do {
      again = false;
      await replaceKeys(running, file);
    } while (again as boolean);
    reading = false;
  };
  return () => {
    again = true;
    if (!reading) void read();
  };
}

/** A wrong file changes nothing. */
async function replaceKeys(running: RunningGateway, file: string): Promise<void> {
  try {
    const { loadFleetApart } = await import('../load-apart.js');
    running.replaceKeys((await loadFleetApart(file)).gateway.keys);
  } catch (error) {
    const message = messageOf(error);
    eventLine({ event: 'keys-not-replaced', message });
  }
}

function workerCount(wanted: number | 'auto'): number {
  return wanted === 'auto' ? Math.min(availableParallelism(), GATEWAY_WORKERS_MAX) : wanted;
}

function workers(text: string): number | 'auto' {
  if (text === 'auto') return text;
  const n = Number(text);
  if (/^\d+$/.test(text) && n >= 1 && n <= GATEWAY_WORKERS_MAX) return n;
  throw new InvalidArgumentError(`write a number, 1 to ${GATEWAY_WORKERS_MAX}, or auto`);
}

function peer(text: string, before: readonly string[] = []): readonly string[] {
  if (!URL.canParse(text)) throw new InvalidArgumentError('write a URL, such as http://10.0.0.2:4402');
  return [...before, text];
}

function port(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || n > 65_535) throw new InvalidArgumentError('write a port, 0 to 65535');
  return n;
}
