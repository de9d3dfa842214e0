/** Dynamic configuration of the embedded server; docs/temporal.md has the measurements. */

/**
 * The development server polls its one shard's queues 20 times a second, which costs every scheduled task up to 50 ms
 * (an update with one activity took 100 ms, with these values 15 ms).
 */
const QUEUE_POLLS_PER_SECOND = 2000;

export const DYNAMIC_CONFIG: Readonly<Record<string, string>> = {
  'history.transferProcessorMaxPollRPS': String(QUEUE_POLLS_PER_SECOND),
  'history.timerProcessorMaxPollRPS': String(QUEUE_POLLS_PER_SECOND),
  'history.visibilityProcessorMaxPollRPS': String(QUEUE_POLLS_PER_SECOND),
};
