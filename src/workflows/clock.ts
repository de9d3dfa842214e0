/** The workflow's own clock: deterministic in replay, and the only place that may ask for the time. */
// eslint-disable-next-line no-restricted-properties -- inside a workflow, Date is Temporal's deterministic clock.
export const nowMs = (): number => Date.now();

export const iso = (ms: number): string => new Date(ms).toISOString();
