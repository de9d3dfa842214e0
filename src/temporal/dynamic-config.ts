/** Dynamic configuration of the embedded server; docs/temporal.md has the measurements. */

/**
 * The development server polls its one shard's queues 20 times a second, which costs every scheduled task up to 50 ms
 * (an update with one activity took 100 ms, with these values 15 ms).
 */
const QUEUE_POLLS_PER_SECOND = 2000;

/**
 * Temporal's HTTP API takes a signal from any web page (a `text/plain` POST needs nobody's leave). Nobody here uses it;
 * a name with a space is no `Host` that HTTP allows, so this closes it. gRPC, which pages cannot speak, goes on.
 */
const NO_HOST = ['closed: no host'];

/** A task that failed twice in a row is reported, and found by one list (`failing-tasks.ts`); the default is 5. */
const FAILURES_REPORTED = 2;

export const DYNAMIC_CONFIG: Readonly<Record<string, string>> = {
  'history.transferProcessorMaxPollRPS': String(QUEUE_POLLS_PER_SECOND),
  'history.timerProcessorMaxPollRPS': String(QUEUE_POLLS_PER_SECOND),
  'history.visibilityProcessorMaxPollRPS': String(QUEUE_POLLS_PER_SECOND),
  'system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute': String(FAILURES_REPORTED),
  'frontend.httpAllowedHosts': JSON.stringify(NO_HOST),
};
