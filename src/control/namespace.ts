/** Makes a Temporal namespace ready for our workflows. */
import { messageOf } from '../domain/describe-error.js';
import { Connection } from '@temporalio/client';
import { ensureSearchAttributes } from '../temporal/search-attributes.js';
import type { Control } from './control.js';

/**
 * Registers our search attributes where they are missing. Repeatable.
 * @returns what a person must do by hand when we may not; `null` when all is well
 */
export async function prepareNamespace({ client, namespace }: Control): Promise<string | null> {
  if (!(client.connection instanceof Connection)) return null;
  try {
    await ensureSearchAttributes(client.connection, namespace);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
