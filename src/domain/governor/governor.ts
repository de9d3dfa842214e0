/**
 * The fleet as a whole, from what its guards report: does too much go bad at once, does automation move too much?
 * Guards are told beforehand, so that none of them ever has to ask (docs/decisions.md).
 *
 *     report -> remember -> judge(all reports, now) -> a new view for every guard, or nothing to tell
 */
import { STORM_WINDOW_MS } from '../guard/close-move.js';
import { AT_ONCE_MS } from '../health/doubt.js';
import type { ClusterName, ServiceName } from '../words.js';
import { CALM, type FleetHold, type FleetView } from './fleet-view.js';

/** Automatic moves in a window: every service may go away and come back once, and small fleets may do more. */
export const STORM_MOVES_PER_SERVICE = 2;
export const STORM_MOVES_MIN = 10;
/** In a smaller fleet the panic rule of the services says it all. */
export const PANIC_CLUSTERS_MIN = 4;
/** A panic is renewed for as long as it lasts, and ends by itself this long after a governor died. */
export const PANIC_LEASE_MS = 5 * 60_000;
/** More services than a fleet may hold are somebody's mistake. */
const SERVICES_MAX = 5_000;

export interface ReportedCluster {
  readonly name: ClusterName;
  /** When it went bad, ms; `null` when it is well. */
  readonly illSinceMs: number | null;
  /** Whether callers bear witness to that. */
  readonly confirmed: boolean;
}

/** All that a guard knows and the fleet needs; the newest one counts, so that a lost one changes nothing. */
export interface ServiceReport {
  readonly service: ServiceName;
  readonly clusters: readonly ReportedCluster[];
  /** When automatic moves began that touched the traffic, newest first, ms. */
  readonly automaticAtMs: readonly number[];
}

export interface GovernorState {
  readonly reports: Readonly<Record<ServiceName, ServiceReport>>;
  /** As the guards were told last. */
  readonly view: FleetView;
}

export type GovernorEvent =
  | { readonly kind: 'report'; readonly report: ServiceReport }
  | { readonly kind: 'left'; readonly service: ServiceName }
  | { readonly kind: 'timer' };

export interface Governed {
  readonly state: GovernorState;
  /** What every guard must hear; `null`: nothing new. */
  readonly tell: FleetView | null;
}

export const NO_FLEET: GovernorState = { reports: {}, view: CALM };

/** @replayed */
export function govern(before: GovernorState, event: GovernorEvent, nowMs: number): Governed {
  const reports = remember(before.reports, event);
  const all = Object.values(reports);
  const view: FleetView = {
    brake: judgeStorm(all, nowMs),
    panic: renewed(before.view.panic, judgeFleetPanic(all), nowMs),
  };
  const same = JSON.stringify(view) === JSON.stringify(before.view);
  return { state: { reports, view: same ? before.view : view }, tell: same ? null : view };
}

/** When to look again without an event, ms; `null`: only an event can change anything. @replayed */
export function nextGovernorLookMs({ view }: GovernorState, nowMs: number): number | null {
  const renewal = view.panic === null ? [] : [view.panic.untilMs - PANIC_LEASE_MS / 2];
  const times = [...(view.brake === null ? [] : [view.brake.untilMs]), ...renewal];
  return times.length === 0 ? null : Math.max(nowMs, Math.min(...times));
}

function remember(reports: GovernorState['reports'], event: GovernorEvent): GovernorState['reports'] {
  if (event.kind === 'timer') return reports;
  if (event.kind === 'report') {
    const { report } = event;
    const isFull = reports[report.service] === undefined && Object.keys(reports).length >= SERVICES_MAX;
    return isFull ? reports : { ...reports, [report.service]: report };
  }
  return Object.fromEntries(Object.entries(reports).filter(([service]) => service !== event.service));
}

function judgeStorm(reports: readonly ServiceReport[], nowMs: number): FleetHold | null {
  const times = reports
    .flatMap((report) => report.automaticAtMs)
    .filter((at) => at > nowMs - STORM_WINDOW_MS)
    .sort((a, b) => a - b);
  const limit = Math.max(STORM_MOVES_MIN, STORM_MOVES_PER_SERVICE * reports.length);
  const eased = times[times.length - limit];
  if (eased === undefined) return null;
  const why = `the storm brake holds: ${limit} automatic moves in the fleet within ${STORM_WINDOW_MS / 60_000} min; a person may move by hand`;
  return { why, untilMs: eased + STORM_WINDOW_MS };
}

/** One sentence when more than half of the fleet went bad at once and no caller says so; else `null`. */
function judgeFleetPanic(reports: readonly ServiceReport[]): string | null {
  const fleet = mergeClusters(reports);
  if (fleet.length < PANIC_CLUSTERS_MIN) return null;
  const ill = fleet.flatMap(({ illSinceMs, confirmed }) => (illSinceMs === null || confirmed ? [] : [illSinceMs]));
  const lastMs = Math.max(...ill);
  const together = ill.filter((at) => lastMs - at <= AT_ONCE_MS).length;
  if (together * 2 <= fleet.length) return null;
  return `${together} of the ${fleet.length} clusters of the fleet went bad within ${AT_ONCE_MS / 1000} s, and no caller confirms it; most likely the observer is at fault, so nothing moves until it clears or a person orders it`;
}

/** A cluster of several services is one cluster: ill as long as anybody says so, confirmed as soon as anybody's callers do. */
function mergeClusters(reports: readonly ServiceReport[]): readonly ReportedCluster[] {
  const byName = new Map<ClusterName, ReportedCluster>();
  for (const cluster of reports.flatMap((report) => report.clusters)) {
    const known = byName.get(cluster.name);
    byName.set(cluster.name, {
      name: cluster.name,
      illSinceMs: known?.illSinceMs ?? cluster.illSinceMs,
      confirmed: known?.confirmed === true || cluster.confirmed,
    });
  }
  return [...byName.values()];
}

/** Told when it begins and renewed at half of its lease: not with every further cluster, for that would be a storm too. */
function renewed(before: FleetHold | null, why: string | null, nowMs: number): FleetHold | null {
  if (why === null) return null;
  const isFresh = before !== null && before.untilMs - nowMs > PANIC_LEASE_MS / 2;
  return isFresh ? before : { why, untilMs: nowMs + PANIC_LEASE_MS };
}
