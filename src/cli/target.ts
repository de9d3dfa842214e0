/** Which instance a verb speaks to, and how to reach it. */
import { messageOf } from '../domain/describe-error.js';
import type { Command } from 'commander';
import { chosenAdminToken, readAdminToken } from '../config/admin-token.js';
import { readClientTls } from '../config/admin-tls.js';
import { dataDir, readInstance, type Instance } from '../config/instance.js';
import type { GatewayAdmin } from '../control/gateway-state.js';
import type { Control } from '../control/control.js';
import { CodedError } from '../domain/errors.js';
import { isLoopbackHost } from '../domain/loopback.js';

export interface TargetOptions {
  readonly dataDir?: string;
  readonly temporal?: string;
  readonly namespace?: string;
  readonly gatewayAdmin?: string;
}

export interface Target {
  /** host:port of Temporal. */
  readonly address: string;
  readonly namespace: string;
  /** `null` when no gateway is named. */
  readonly gatewayAdmin: GatewayAdmin | null;
  readonly instance: Instance | null;
  /** Where the address comes from, for messages. */
  readonly source: string;
}

/** Adds the options that name an instance. */
export function withTarget(command: Command): Command {
  return command
    .option('--data-dir <dir>', 'data directory of the instance (default: $UNDERSTUDY_DATA_DIR or .understudy)')
    .option('--temporal <host:port>', 'a Temporal service instead of an instance (default: $TEMPORAL_ADDRESS)')
    .option('--namespace <name>', 'its namespace (default: $TEMPORAL_NAMESPACE or default)')
    .option(
      '--gateway-admin <urls>',
      'admin URL of the gateway, several with commas (default: $UNDERSTUDY_GATEWAY_ADMIN, or the instance’s)',
    );
}

/**
 * The instance that was named, nearest name first: `--temporal`, `--data-dir`, UNDERSTUDY_DATA_DIR, TEMPORAL_ADDRESS,
 * the instance in `.understudy`.
 * @throws CodedError `no-instance` when none is there, `bad-config` when its description cannot be read
 */
export function findTarget(options: TargetOptions, env: NodeJS.ProcessEnv = process.env): Target {
  const dirNamed = options.dataDir ?? env['UNDERSTUDY_DATA_DIR'];
  const dir = dataDir(dirNamed);
  const named = options.temporal ?? (dirNamed === undefined ? env['TEMPORAL_ADDRESS'] : undefined);
  const instance = instanceIn(dir, named);
  const address = named ?? instance?.temporal.address;
  if (address === undefined) {
    throw new CodedError(
      'no-instance',
      `no instance runs here: ${dir}/instance.json is not there, and nothing else was named with --data-dir or --temporal`,
    );
  }
  const source =
    named === undefined ? `${dir}/instance.json` : options.temporal === undefined ? 'TEMPORAL_ADDRESS' : '--temporal';
  return {
    address,
    namespace: namespaceOf(options, env, instance),
    gatewayAdmin: gatewayOf(options, env, { instance, dir }),
    instance,
    source,
  };
}

interface Here {
  readonly instance: Instance | null;
  /** Data directory that was named, or the usual one. */
  readonly dir: string;
}

const namespaceOf = (options: TargetOptions, env: NodeJS.ProcessEnv, instance: Instance | null): string =>
  options.namespace ?? env['TEMPORAL_NAMESPACE'] ?? instance?.temporal.namespace ?? 'default';

/** The instance of the directory, unless another Temporal was named than the one that it uses. */
function instanceIn(dir: string, address: string | undefined): Instance | null {
  let instance: Instance | null;
  try {
    instance = readInstance(dir);
  } catch (error) {
    // What was named otherwise does not need the file.
    if (error instanceof CodedError && address !== undefined) return null;
    if (error instanceof CodedError) throw error;
    throw new CodedError('bad-config', `${dir}/instance.json cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return address === undefined || instance?.temporal.address === address ? instance : null;
}

function gatewayOf(options: TargetOptions, env: NodeJS.ProcessEnv, here: Here): GatewayAdmin | null {
  const { instance, dir } = here;
  const named = options.gatewayAdmin ?? env['UNDERSTUDY_GATEWAY_ADMIN'] ?? instance?.gateway.adminUrl;
  if (named === undefined) return null;
  const urls = named.split(',').map((url) => url.trim());
  const wrong = urls.find((url) => !URL.canParse(url));
  if (wrong !== undefined) throw new CodedError('bad-input', `the gateway's admin URL \`${wrong}\` is not a URL`);
  return { urls, token: adminToken(env, instance) ?? tokenHere(urls, dir), tls: readClientTls(env) };
}

/** The one that a gateway of this machine made for itself in this directory; it is sent nowhere else. */
const tokenHere = (urls: readonly string[], dir: string): string | null =>
  urls.every((url) => isLoopbackHost(new URL(url).hostname)) ? readAdminToken(dir) : null;

/** UNDERSTUDY_ADMIN_TOKEN, else the instance's. */
export function adminToken(env: NodeJS.ProcessEnv, instance: Instance | null): string | null {
  return chosenAdminToken(env) ?? instance?.adminToken ?? null;
}

/**
 * Opens the control client of a target, lends it to `use` and closes it.
 * @throws CodedError as `openControl` and `use`; an instance that has died is called so
 */
export async function withControl<T>(target: Target, use: (control: Control) => Promise<T>): Promise<T> {
  // Loaded here: the Temporal client takes most of the start-up time, and `--help` needs none of it.
  const { openControl } = await import('../control/control.js');
  const control = await openControl(target).catch((error: unknown) => {
    throw explained(error, target);
  });
  try {
    return await use(control);
  } finally {
    await control.close();
  }
}

function explained(error: unknown, { instance, source }: Target): unknown {
  if (!(error instanceof CodedError) || error.code !== 'temporal-unreachable') return error;
  const gone =
    instance !== null && !lives(instance.pid)
      ? `; the instance that wrote it (process ${instance.pid}) no longer runs`
      : '';
  return new CodedError(error.code, `${error.message} (address from ${source}${gone})`, { cause: error });
}

/** Whether a process with this id runs, ours or not. */
export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
