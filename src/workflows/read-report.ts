/** Reports and views as they really arrive: a signal sent by hand may carry anything, and none may fail a workflow task. */
import type { FleetView } from '../domain/governor/fleet-view.js';
import { isFields } from '../domain/outside.js';
import { isName } from './plain-checks.js';

/** What is wrong with a guard's report in one sentence, or `null`. */
export function faultOfReport(report: unknown): string | null {
  if (!isFields(report)) return 'an object was expected';
  const { service, clusters, automaticAtMs } = report;
  if (!isName(service)) return 'service: a name was expected';
  if (!Array.isArray(clusters) || !clusters.every(isReportedCluster)) return 'clusters: a list was expected';
  const areTimes = Array.isArray(automaticAtMs) && automaticAtMs.every((at) => Number.isFinite(at));
  return areTimes ? null : 'automaticAtMs: a list of times was expected';
}

function isReportedCluster(value: unknown): boolean {
  if (!isFields(value)) return false;
  const { name, illSinceMs, confirmed } = value;
  return isName(name) && (illSinceMs === null || Number.isFinite(illSinceMs)) && typeof confirmed === 'boolean';
}

/** True for a view of the fleet that can be believed in form. */
export function isFleetView(view: unknown): view is FleetView {
  return isFields(view) && isHold(view['brake']) && isHold(view['panic']);
}

const isHold = (hold: unknown): boolean =>
  hold === null || (isFields(hold) && typeof hold['why'] === 'string' && Number.isFinite(hold['untilMs']));
