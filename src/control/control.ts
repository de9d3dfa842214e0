/** The operator's connection to our own workflows. */
import type { Client } from '@temporalio/client';
import { connectClient } from '../temporal/connect.js';

export interface Control {
  readonly client: Client;
  /** host:port that answered. */
  readonly address: string;
  readonly namespace: string;
  /** Ends the connection; running workflows do not notice. */
  close(): Promise<void>;
}

/** An operator waits at a prompt: longer than this is "down". */
const CONNECT_DEADLINE_MS = 5_000;

/**
 * Connects to Temporal for an operator.
 * @param deadlineMs - how long a server that is just starting is waited for
 * @throws CodedError `temporal-unreachable` naming the address
 */
export async function openControl(order: {
  readonly address: string;
  readonly namespace: string;
  readonly deadlineMs?: number;
}): Promise<Control> {
  const { address, namespace, deadlineMs = CONNECT_DEADLINE_MS } = order;
  const { client, connection } = await connectClient({ address, namespace, deadlineMs });
  return { client, address, namespace, close: async () => await connection.close() };
}
