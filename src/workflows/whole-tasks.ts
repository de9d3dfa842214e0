/**
 * No event is handled before the workflow task that hands it over has started for good: only then has it its time, and
 * only then is it settled what else is handled with it.
 *
 * The SDK breaks this for a query that reaches a worker without the workflow in its cache: it runs whatever stands after
 * the last completed task, with the clock of that task or of one that nobody will complete, answers, and keeps the
 * commands for the next task. A later replay handles the same events with the later clock, together with whatever came
 * after them: other commands, and the workflow is stuck for ever (docs/temporal.md, "Time and replay"). So such a run is
 * refused: the query fails, which `askWorkflow` repeats, the worker forgets the workflow, and its task replays it.
 */
import { ApplicationFailure, type WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** What a task that starts always changes: the size of the history, and the time unless the server's clock was set back. */
interface Handed {
  readonly lastEvent: number;
  readonly size: string;
  readonly time: string;
}

/** How Core names a query that comes by itself; one that comes with a task has an id of its own. */
const QUERY_BY_ITSELF = 'legacy_query';

export const interceptors: WorkflowInterceptorsFactory = () => {
  let last: Handed | null = null;
  /** Nothing but a replay has happened here yet. */
  let onlyReplayed = false;
  /**
   * New events came together with the replay, and no other task since. Whether a task brought them or a query is not to
   * be seen from here, but for what follows: behind a query's events stands the query itself.
   */
  let mayBeOfQuery = false;

  const hear = (now: Handed, isReplaying: boolean): void => {
    if (last !== null && isUnstarted(last, now)) throw unstarted();
    if (isReplaying) onlyReplayed = true;
    else if (last !== null && now.lastEvent > last.lastEvent) {
      mayBeOfQuery = onlyReplayed;
      onlyReplayed = false;
    }
    last = now;
  };
  const ask = (byItself: boolean): void => {
    if (byItself && mayBeOfQuery) throw unstarted();
    onlyReplayed = false;
    mayBeOfQuery = false;
  };
  return {
    internals: [
      {
        activate(input, next) {
          const { jobs, historyLength, historySizeBytes, timestamp, isReplaying } = input.activation;
          const queries = (jobs ?? []).flatMap((job) => job.queryWorkflow ?? []);
          const [query] = queries;
          if (query !== undefined) ask(query.queryId === QUERY_BY_ITSELF);
          else {
            const time = `${String(timestamp?.seconds)}.${timestamp?.nanos ?? 0}`;
            hear({ lastEvent: historyLength ?? 0, size: String(historySizeBytes), time }, isReplaying === true);
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

const unstarted = (): ApplicationFailure =>
  ApplicationFailure.create({
    type: 'task-not-started',
    message: 'asked before the workflow task with the newest events has started; nothing was run, ask again',
  });
