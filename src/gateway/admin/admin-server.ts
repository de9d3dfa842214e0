/**
 * The admin side's own port. It has as many connections as there are descriptors set aside for it, the longest idle one
 * making room: whoever opens connections there takes nothing from callers and clusters, and keeps no operator out.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ServerTls } from '../../domain/admin-tls.js';
import { ConnectionLimit, HEALTH_RESERVE } from '../door/connection-limit.js';
import { httpServer } from '../http-server.js';
import { gatewayFull } from '../request/caller-words.js';
import { sendError } from '../request/openai-error.js';

const CONNECTIONS_MAX = 32;

export function adminServer(
  serve: (req: IncomingMessage, res: ServerResponse) => unknown,
  tls: ServerTls | undefined,
): ReturnType<typeof httpServer> {
  const limit = new ConnectionLimit(CONNECTIONS_MAX);
  const server = httpServer((req, res) => {
    if (limit.begins(req, res)) serve(req, res);
    else sendError(res.setHeader('connection', 'close'), gatewayFull);
  }, tls);
  // Of those that have not shown who they are yet, too.
  server.maxConnections = 2 * (CONNECTIONS_MAX + HEALTH_RESERVE);
  return server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => limit.came(socket));
}
