/**
 * Questions and orders to workflows, each with a deadline, and their failures in words. Temporal answers for a workflow
 * only while a worker runs it: a deadline that passes while Temporal itself is well means that no worker is there.
 */
import { messageOf } from '../domain/describe-error.js';
import {
  type Client,
  isGrpcServiceError,
  QueryNotRegisteredError,
  ServiceError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure, type QueryDefinition, type UpdateDefinition } from '@temporalio/common';
import { CodedError } from '../domain/errors.js';

/** A query takes 4 ms on a quiet server; a worker that replays a long history needs seconds. */
export const QUERY_DEADLINE_MS = 5_000;
/** A verb answers at once or not at all. */
export const UPDATE_DEADLINE_MS = 15_000;
const PING_DEADLINE_MS = 2_000;
/** How often a question is asked that the worker refuses. */
const QUERY_TRIES_MAX = 3;
/** How often an order is sent that the worker passes over. */
const ORDER_TRIES_MAX = 3;

/**
 * gRPC status codes that we tell apart; the numbers are part of the protocol. A call that its own deadline ended is
 * reported as either of the first two.
 */
const GRPC = { cancelled: 1, deadlineExceeded: 4, notFound: 5, failedPrecondition: 9, unavailable: 14 } as const;

/**
 * Asks a running or ended workflow, again when it is refused.
 * @returns `null` when there is no such workflow
 * @throws CodedError `no-worker`, `temporal-unreachable`, `invariant`
 */
export async function askWorkflow<T>(
  client: Client,
  workflowId: string,
  query: QueryDefinition<T>,
  deadlineMs = QUERY_DEADLINE_MS,
): Promise<T | null> {
  const ask = async (): Promise<T> =>
    await client.connection.withDeadline(
      Date.now() + deadlineMs,
      async () => await client.workflow.getHandle(workflowId).query(query),
    );
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (isNotFound(error)) return null;
      if (wasRefused(error) && tries < QUERY_TRIES_MAX) continue;
      throw await inWords(client, error, `${workflowId} was asked for its ${query.name}`);
    }
  }
}

/**
 * Sends an order and waits for the answer. One that the worker passed over is sent again: it was not carried out.
 * @returns `null` when no such workflow runs
 * @throws CodedError `no-worker` (unless passed over it may still be carried out), `temporal-unreachable`, `invariant`
 */
export async function orderWorkflow<Reply, Order>(
  client: Client,
  workflowId: string,
  update: UpdateDefinition<Reply, [Order]>,
  order: Order,
): Promise<Reply | null> {
  const send = async (): Promise<Reply> =>
    await client.connection.withDeadline(
      Date.now() + UPDATE_DEADLINE_MS,
      async () => await client.workflow.getHandle(workflowId).executeUpdate(update, { args: [order] }),
    );
  const sent = `${workflowId} was sent \`${update.name}\``;
  for (let tries = 1; ; tries += 1) {
    try {
      return await send();
    } catch (error) {
      if (isNotFound(error)) return null;
      if (!wasPassedOver(error))
        throw await inWords(client, error, `${sent}, which may still be carried out: see \`understudy status\``);
      if (tries === ORDER_TRIES_MAX) throw noWorker(`${sent} ${tries} times and passed it over`, error);
    }
  }
}

/** True for what a workflow answers that has no such handler: it runs an older version. */
export const isUnknownQuery = (error: unknown): boolean =>
  error instanceof CodedError && error.cause instanceof QueryNotRegisteredError;

/**
 * A worker that has just come up refuses a question that reaches it before the workflow's next task
 * (`workflows/whole-tasks.ts`); asked again, the question goes with that task. The client has one error for all refusals.
 */
const wasRefused = (error: unknown): boolean => error instanceof QueryNotRegisteredError;

export function isNotFound(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError || grpcCode(error) === GRPC.notFound;
}

/**
 * The worker ended the workflow task without a word on the update, and the server took it back. A worker that has just
 * come up does that now and then when it replays.
 */
function wasPassedOver(error: unknown): boolean {
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : null;
  return cause instanceof ApplicationFailure && cause.type === 'UnprocessedUpdate';
}

/** Any failure of the client as ours; `what` says what was tried. */
export async function inWords(client: Client, error: unknown, what: string): Promise<CodedError> {
  if (error instanceof CodedError) return error;
  const code = grpcCode(error);
  const isLate = code === GRPC.deadlineExceeded || code === GRPC.cancelled;
  if (isLate || error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
    return (await answers(client)) ? noWorker(what, error) : unreachable(client, what, error);
  }
  if (code === GRPC.unavailable) return unreachable(client, what, error);
  if (code === GRPC.failedPrecondition) return noWorker(what, error);
  const cause = error instanceof WorkflowUpdateFailedError ? (error.cause ?? error) : error;
  return new CodedError('invariant', `${what}; it failed: ${messageOf(cause)}`, {
    cause: error,
  });
}

function grpcCode(error: unknown): number | null {
  const root = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(root) ? root.code : null;
}

const noWorker = (what: string, cause: unknown): CodedError =>
  new CodedError('no-worker', `no control worker answers (${what})`, { cause });

function unreachable(client: Client, what: string, cause: unknown): CodedError {
  return new CodedError('temporal-unreachable', `Temporal at ${addressOf(client)} does not answer (${what})`, {
    cause,
  });
}

function addressOf(client: Client): string {
  const { options } = client.connection as { options?: { address?: string } };
  return options?.address ?? 'its address';
}

async function answers(client: Client): Promise<boolean> {
  try {
    await client.connection.withDeadline(
      Date.now() + PING_DEADLINE_MS,
      async () => await client.connection.workflowService.getSystemInfo({}),
    );
    return true;
  } catch {
    return false;
  }
}
