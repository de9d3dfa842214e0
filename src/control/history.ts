/** The moves of a service that have ended. */
import type { MoveRecord } from '../domain/move-record.js';
import type { ServiceName } from '../domain/words.js';
import { serviceGuardId } from '../workflows/ids.js';
import { historyQuery } from '../workflows/messages.js';
import { askWorkflow } from './ask.js';
import type { Control } from './control.js';
import { unknownService } from './guards.js';

/**
 * Newest first, as many as the guard keeps.
 * @throws CodedError `unknown-service`, `no-worker`, `temporal-unreachable`
 */
export async function readHistory(control: Control, service: ServiceName): Promise<readonly MoveRecord[]> {
  const moves = await askWorkflow(control.client, serviceGuardId(service), historyQuery);
  if (moves === null) throw await unknownService(control, service);
  return moves;
}
