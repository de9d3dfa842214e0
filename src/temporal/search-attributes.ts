/** What a workflow can be found by in Temporal's UI and CLI, e.g. `UnderstudyService="chat" AND UnderstudyMove="failover"`. */
import type { Connection } from '@temporalio/client';
import { CodedError } from '../domain/errors.js';

/** All are of type Keyword. `State` is a move's or a cluster's, `Kind` the workflow's type, `Move` the kind of move. */
export const SEARCH_ATTRIBUTES = [
  'UnderstudyService',
  'UnderstudyCluster',
  'UnderstudyRegion',
  'UnderstudyState',
  'UnderstudyKind',
  'UnderstudyMove',
] as const;

/** `temporal.api.enums.v1.IndexedValueType`: the numbers are part of the API. */
const KEYWORD = 2;
const ALREADY_EXISTS = 6; // gRPC status

/**
 * Registers those that a server of somebody else does not know yet. Repeatable.
 * @returns the names that were added
 * @throws CodedError `temporal-unreachable`, also when the credentials may not do it (the message then says how)
 */
export async function ensureSearchAttributes(connection: Connection, namespace: string): Promise<readonly string[]> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = SEARCH_ATTRIBUTES.filter((name) => !(name in (customAttributes ?? {})));
    if (missing.length === 0) return [];
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
    return missing;
  } catch (error) {
    if ((error as { code?: number }).code === ALREADY_EXISTS) return []; // another instance was quicker
    const flags = SEARCH_ATTRIBUTES.map((name) => `--name ${name} --type Keyword`).join(' ');
    throw new CodedError(
      'temporal-unreachable',
      `search attributes could not be registered in namespace ${namespace}: ${(error as Error).message}. ` +
        `By hand: temporal operator search-attribute create --namespace ${namespace} ${flags}`,
      { cause: error },
    );
  }
}
