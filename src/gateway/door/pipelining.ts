/**
 * Requests that a caller sends before it has its answer to the one before, on the same connection. They are served one
 * after the other: of an answer that has no connection yet nobody would notice that its caller left.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Hardly any client sends any; whoever sends more loses its connection, for each is kept in memory. */
export const BEHIND_MAX = 16;

const behind = new WeakMap<Socket, number>();

/** Resolves when the answers before are out; never when the connection ends before that. */
export async function itsTurn({ socket }: IncomingMessage, res: ServerResponse): Promise<void> {
  const count = (behind.get(socket) ?? 0) + 1;
  behind.set(socket, count);
  if (count > BEHIND_MAX) socket.destroy();
  await new Promise<void>((resolve) => res.once('socket', () => resolve()));
  behind.set(socket, (behind.get(socket) ?? 1) - 1);
}
