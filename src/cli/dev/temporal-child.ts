/** The embedded Temporal server as one of the supervised processes. */
import { portsOf } from '../../config/instance.js';
import { connectClient } from '../../temporal/connect.js';
import { findTemporalBinary } from '../../temporal/find-binary.js';
import { ensureSearchAttributes } from '../../temporal/search-attributes.js';
import { startTemporalServer, type ServerOrder } from '../../temporal/start-server.js';
import type { LogFile } from './log-file.js';
import type { DevOptions } from './options.js';
import type { Life } from './supervised.js';

const CONNECT_DEADLINE_MS = 15_000;
const NAMESPACE = 'default';

/**
 * How Temporal is started; `null` when it is somebody else's, which then gets the search attributes that it lacks.
 * The binary is found here, before anything runs, because that may take minutes.
 * @throws CodedError `temporal-missing`, `temporal-unreachable`
 */
export async function temporalStarter(
  { dataDir, portBase }: DevOptions,
  about: {
    readonly external: { readonly address: string; readonly namespace: string } | null;
    readonly onEvent: (text: string) => void;
  },
): Promise<((log: LogFile) => Promise<Life>) | null> {
  const { external, onEvent } = about;
  if (external !== null) {
    const { connection } = await connectClient({ ...external, deadlineMs: CONNECT_DEADLINE_MS });
    const added = await ensureSearchAttributes(connection, external.namespace);
    await connection.close();
    if (added.length > 0) onEvent(`search attributes added to ${external.address}: ${added.join(', ')}`);
    return null;
  }
  const { path: binary, source, serverVersion } = await findTemporalBinary({ onLine: onEvent });
  onEvent(`Temporal server ${serverVersion} (${source}: ${binary})`);
  const ports = portsOf(portBase);
  const listen = { port: ports.temporal, uiPort: ports.temporalUi, metricsPort: ports.temporalMetrics };
  return async (log) => await startLife({ binary, dataDir, namespace: NAMESPACE, ...listen }, log);
}

async function startLife(order: Omit<ServerOrder, 'onLine'>, log: LogFile): Promise<Life> {
  const server = await startTemporalServer({ ...order, onLine: (line) => log.write(line) });
  return {
    pid: server.pid,
    ready: Promise.resolve(),
    ended: server.ended.then(({ code, signal }) =>
      signal === null ? `ended with exit ${code}` : `was ended by ${signal}`,
    ),
    stop: async () => await server.stop(),
    kill: server.kill,
  };
}
