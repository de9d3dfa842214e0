/** The operator's verbs. Each is answered by a workflow: accepted with the id of what was begun, or refused with a code. */
import type { UpdateDefinition } from '@temporalio/common';
import { CodedError } from '../domain/errors.js';
import type { Attribution, ClusterName, ServiceName } from '../domain/words.js';
import { serviceGuardId } from '../workflows/ids.js';
import {
  abortUpdate,
  approveUpdate,
  declineUpdate,
  failbackUpdate,
  failoverUpdate,
  freezeUpdate,
  maintenanceUpdate,
  pauseUpdate,
  resumeUpdate,
  skipStepUpdate,
  switchoverUpdate,
  unfreezeUpdate,
  type FreezeRequest,
  type MaintenanceRequest,
  type MoveRequest,
  type VerbReply,
} from '../workflows/messages.js';
import { orderWorkflow } from './ask.js';
import type { Control } from './control.js';
import { readGuard, unknownService } from './guards.js';

/** What an accepted verb answers; `id` is the move's, or the guard's for what is no move. */
export interface Accepted {
  readonly id: string;
  readonly state: string;
  readonly message: string;
}

/** Who, and towards or away from which cluster. */
export interface MoveWish extends Attribution {
  readonly to?: ClusterName;
  readonly from?: ClusterName;
}

type Update<Order> = UpdateDefinition<VerbReply, [Order]>;

/** Every verb throws CodedError: the guard's own refusal, `unknown-service`, `no-worker` or `temporal-unreachable`. */
export const switchover = guardVerb<MoveRequest>(switchoverUpdate);
export const failover = guardVerb<MoveRequest>(failoverUpdate);
export const failback = guardVerb<MoveRequest>(failbackUpdate);
/** `forMs`: it ends by itself after this long. */
export const freeze = guardVerb<FreezeRequest>(freezeUpdate);
/** One cluster is no target and no trigger; `forMs` 0 ends it. */
export const maintenance = guardVerb<MaintenanceRequest>(maintenanceUpdate);
export const unfreeze = guardVerb<Attribution>(unfreezeUpdate);

/** Verbs on the running move; without one they throw `no-move`. */
export const abort = moveVerb(abortUpdate);
export const pause = moveVerb(pauseUpdate);
export const resume = moveVerb(resumeUpdate);
export const skipStep = moveVerb(skipStepUpdate);

/** Answers go to whoever asks: the running move, else the guard. */
export const approve = answerVerb(approveUpdate);
export const decline = answerVerb(declineUpdate);

function guardVerb<Order>(update: Update<Order>) {
  return async (control: Control, service: ServiceName, order: Order): Promise<Accepted> => {
    // Asked first: an order that is sent while no worker runs is carried out whenever one comes back, perhaps hours later.
    await readGuard(control, service);
    const reply = await orderWorkflow(control.client, serviceGuardId(service), update, order);
    if (reply === null) throw await unknownService(control, service);
    return accepted(reply);
  };
}

function moveVerb(update: Update<Attribution>) {
  return async (control: Control, service: ServiceName, who: Attribution): Promise<Accepted> => {
    const { move } = await readGuard(control, service);
    const reply = move === null ? null : await orderWorkflow(control.client, move.id, update, who);
    // `null` also when the move ended between the question and the order.
    if (reply === null) throw new CodedError('no-move', `no move is running on ${service}`);
    return accepted(reply);
  };
}

function answerVerb(update: Update<Attribution>) {
  const answerMove = moveVerb(update);
  const answerGuard = guardVerb(update);
  return async (control: Control, service: ServiceName, who: Attribution): Promise<Accepted> => {
    const { move } = await readGuard(control, service);
    return await (move?.question ? answerMove : answerGuard)(control, service, who);
  };
}

function accepted(reply: VerbReply): Accepted {
  if (!reply.accepted) throw new CodedError(reply.code, reply.message);
  const { id, state, message } = reply;
  return { id, state, message };
}
