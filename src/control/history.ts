/** The moves of a service that have ended. */
import type { GuardView } from '../domain/guard/view.js';
import type { MoveRecord } from '../domain/move-record.js';
import type { ServiceName } from '../domain/words.js';
import { serviceGuardId } from '../workflows/ids.js';
import { guardViewQuery, historyQuery } from '../workflows/messages.js';
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

export type Redirections = NonNullable<GuardView['redirections']>;

/** Changes of where its prompts go, newest first. @throws CodedError as `readHistory` */
export async function readRedirections(control: Control, service: ServiceName): Promise<Redirections> {
  const view = await askWorkflow(control.client, serviceGuardId(service), guardViewQuery);
  if (view === null) throw await unknownService(control, service);
  return view.redirections ?? [];
}
