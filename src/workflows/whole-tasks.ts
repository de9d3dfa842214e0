/**
 * No event is handled before the workflow task that hands it over has started: only then has it a time, and only then is
 * it settled what else is handled with it.
 *
 * The SDK breaks this for a query that reaches a worker without the workflow in its cache: it runs whatever stands after
 * the last task with the clock of that task, answers, and keeps the commands for the next task. A later replay handles the
 * same events with the later clock, together with whatever came after them: other commands, and the workflow is stuck for
 * ever (docs/temporal.md, "Time and replay"). So such a run is refused: the query fails, which `askWorkflow` repeats, the
 * worker forgets the workflow, and its task replays it from the beginning.
 */
import { ApplicationFailure, type WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** What a task that starts always changes: the size of the history, and the time unless the server's clock was set back. */
interface Handed {
  readonly lastEvent: number;
  readonly size: string;
  readonly time: string;
}

export const interceptors: WorkflowInterceptorsFactory = () => {
  let last: Handed | null = null;
  return {
    internals: [
      {
        activate(input, next) {
          const { jobs, historyLength, historySizeBytes, timestamp } = input.activation;
          const asksOnly = (jobs ?? []).every((job) => job.queryWorkflow !== null && job.queryWorkflow !== undefined);
          // A query changes nothing; it may be asked behind events that need no handling.
          if (!asksOnly) {
            const now: Handed = {
              lastEvent: historyLength ?? 0,
              size: String(historySizeBytes),
              time: `${String(timestamp?.seconds)}.${timestamp?.nanos ?? 0}`,
            };
            if (last !== null && isUnstarted(last, now)) throw unstarted(last);
            last = now;
          }
          next(input);
        },
      },
    ],
  };
};

/** More history than before, but no task that brought it. */
const isUnstarted = (before: Handed, now: Handed): boolean =>
  now.lastEvent > before.lastEvent && now.size === before.size && now.time === before.time;

const unstarted = ({ lastEvent }: Handed): ApplicationFailure =>
  ApplicationFailure.create({
    type: 'task-not-started',
    message: `asked before the workflow task with the events after ${lastEvent} has started; nothing was run, ask again`,
  });
