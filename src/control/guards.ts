/** Questions to the guard of a service. */
import type { QueryDefinition } from '@temporalio/common';
import type { GuardView } from '../domain/guard/view.js';
import { CodedError } from '../domain/errors.js';
import type { ServiceName } from '../domain/words.js';
import { serviceGuardId } from '../workflows/ids.js';
import { guardViewQuery, moveViewQuery } from '../workflows/messages.js';
import { askWorkflow } from './ask.js';
import type { Control } from './control.js';
import { isRunning, listRunning } from './running.js';

/**
 * What the guard of one service knows.
 * @throws CodedError `unknown-service` (it lists the known ones), `no-worker`, `temporal-unreachable`
 */
export async function readGuard(control: Control, service: ServiceName): Promise<GuardView> {
  return await askGuard(control, service, guardViewQuery);
}

/**
 * Any question to a guard that runs; one that has ended guards nothing, whatever it knew last.
 * @throws CodedError as `readGuard`
 */
export async function askGuard<T>(control: Control, service: ServiceName, query: QueryDefinition<T>): Promise<T> {
  const id = serviceGuardId(service);
  const [answer, runs] = await Promise.all([askWorkflow(control.client, id, query), isRunning(control.client, id)]);
  if (answer === null) throw await unknownService(control, service);
  if (runs) return answer;
  throw guardEnded(service);
}

/** The error for a service whose guard has ended. */
export const guardEnded = (service: ServiceName): CodedError =>
  new CodedError(
    'unknown-service',
    `nobody guards \`${service}\` any more: ${serviceGuardId(service)} has ended; \`understudy apply\` begins it anew`,
  );

/** The error for a service that has no running guard. */
export async function unknownService(control: Control, service: ServiceName): Promise<CodedError> {
  const known = await listRunning(control.client, 'service');
  const list = known.length === 0 ? 'no service is configured' : `known are ${known.join(', ')}`;
  return new CodedError('unknown-service', `no service \`${service.slice(0, 64)}\`: ${list}`);
}

/**
 * As `readGuard`, with the present step of a running move: that is the move's own to tell. One that ended in this moment
 * leaves the guard's word standing.
 * @throws CodedError as `readGuard`
 */
export async function readGuardAtStep(control: Control, service: ServiceName): Promise<GuardView> {
  const view = await readGuard(control, service);
  const { move } = view;
  if (move === null) return view;
  try {
    const now = await askWorkflow(control.client, move.id, moveViewQuery);
    return now === null
      ? view
      : { ...view, move: { ...move, step: now.step, state: now.state, question: now.question } };
  } catch {
    return view;
  }
}
