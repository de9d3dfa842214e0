/** Workflow tasks that failed, out of a history. */
import type { temporal } from '@temporalio/proto';

/**
 * `temporal.api.enums.v1.WorkflowTaskFailedCause` (the numbers are part of the API): something new came while a task ran
 * that wanted to end or continue the workflow. The server then gives it out again; no code of ours failed.
 */
const UNHANDLED_COMMAND = 1;

type Failed = temporal.api.history.v1.IWorkflowTaskFailedEventAttributes;

export function failedTasksIn(events: readonly temporal.api.history.v1.IHistoryEvent[]): readonly Failed[] {
  return events
    .flatMap((event) => event.workflowTaskFailedEventAttributes ?? [])
    .filter(({ cause }) => cause !== UNHANDLED_COMMAND);
}
