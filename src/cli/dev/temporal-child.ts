/** One life of the embedded Temporal server. */
import { startTemporalServer, type ServerOrder } from '../../temporal/start-server.js';
import type { LogFile } from './log-file.js';
import type { Life } from './supervised.js';

/** Returns when it serves. @throws CodedError as `startTemporalServer` */
export async function startTemporalChild(order: Omit<ServerOrder, 'onLine'>, log: LogFile): Promise<Life> {
  const server = await startTemporalServer({ ...order, onLine: (line) => log.write(line) });
  return {
    pid: server.pid,
    ready: Promise.resolve(),
    ended: server.ended.then(({ code, signal }) => (signal === null ? `ended with exit ${code}` : `was ended by ${signal}`)),
    stop: async () => await server.stop(),
    kill: () => {
      process.kill(server.pid, 'SIGKILL');
    },
  };
}
