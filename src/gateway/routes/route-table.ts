/**
 * What was written: for each service its members, weights, epoch and drained clusters. Every function here takes a table
 * and gives the next one, or throws and leaves all as it was; `table-file.ts` brings tables to disk and back.
 */
import { CodedError } from '../../domain/errors.js';
import type { ServiceDefinition, SpillLease } from '../../domain/traffic.js';
import type { ClusterName, ServiceName, Weights } from '../../domain/words.js';

export interface ServiceRoute {
  readonly definition: ServiceDefinition;
  readonly epoch: number;
  /** Place of the last write within its epoch; 0: its writer does not count. */
  readonly step: number;
  /** One entry a member, in the members' order; they add up to 100. */
  readonly weights: Weights;
  readonly drained: readonly ClusterName[];
  /** Beside the weights, for a while; `null`: nothing spills over. It holds under its own epoch only. */
  readonly spill: (SpillLease & { readonly epoch: number }) | null;
  /** Wall clock, ms, of the last change of `weights`. */
  readonly changedAtMs: number;
}

/** Who may write: nobody whose epoch is smaller, nor, within an epoch, whose step is. */
export interface WriteFence {
  readonly epoch: number;
  /** Grows with each write of a move. Absent: a writer that does not count, held to its epoch only. */
  readonly step?: number | undefined;
}

export type RouteTable = Readonly<Record<ServiceName, ServiceRoute>>;

/** Weights are percent; sums of thirds do not come out even, nor do those of binary fractions. */
const SUM_TOLERANCE = 0.01 + 1e-9;

/** Bounds of a table, far above any fleet: a runaway writer must not fill disk and memory. */
const SERVICES_MAX = 1_000;

/**
 * A controller adds 1 for each move. Who jumps further is none, or wrong: with the largest number there is, one write
 * would keep every controller out for ever. After a jump within the bound they read the epoch, and go on from there.
 */
const EPOCH_JUMP_MAX = 1_000_000;
/** A table that was lost begins anew, before a controller that has moved for years. */
const FIRST_EPOCH_MAX = 1e12;

/** Adds a service, or brings the members of a known one up to date, keeping its weights and its epoch. */
export function defineService(table: RouteTable, definition: ServiceDefinition, nowMs: number): RouteTable {
  const { service } = definition;
  const known = Object.hasOwn(table, service) ? table[service] : undefined;
  if (known === undefined) {
    if (Object.keys(table).length >= SERVICES_MAX)
      throw new CodedError('bad-input', `more than ${SERVICES_MAX} services`);
    const weights = checkedWeights(definition, definition.home);
    const route = { definition, epoch: 0, step: 0, weights, drained: [], spill: null, changedAtMs: nowMs };
    return { ...table, [service]: route };
  }
  const names = definition.members.map((m) => m.cluster);
  const weights = carryOver(known.weights, definition);
  const drained = known.drained.filter((cluster) => names.includes(cluster));
  const left = drained.length === names.length ? [] : drained; // never nobody
  const changedAtMs = sameWeights(known.weights, weights) ? known.changedAtMs : nowMs;
  const { spill } = known;
  const isKnown = spill !== null && names.includes(spill.from) && names.includes(spill.to);
  return {
    ...table,
    [service]: { ...known, definition, weights, drained: left, spill: isKnown ? spill : null, changedAtMs },
  };
}

export function forgetService(table: RouteTable, service: ServiceName): RouteTable {
  return Object.fromEntries(Object.entries(table).filter(([name]) => name !== service));
}

export function takeFence(table: RouteTable, service: ServiceName, fence: WriteFence): RouteTable {
  return { ...table, [service]: fenced(table, service, fence) };
}

export function writeWeights(
  table: RouteTable,
  service: ServiceName,
  order: WriteFence & { readonly weights: Weights; readonly nowMs: number },
): RouteTable {
  const route = fenced(table, service, order);
  const weights = checkedWeights(route.definition, order.weights);
  const changedAtMs = sameWeights(route.weights, weights) ? route.changedAtMs : order.nowMs;
  // Whoever writes weights knows where the traffic belongs: what spills over ends.
  return { ...table, [service]: { ...route, weights, spill: null, changedAtMs } };
}

/** A lease that takes the place of the one before; a share of 0, or one that is over, ends it. Weights stay. */
export function writeSpill(table: RouteTable, service: ServiceName, order: SpillLease & WriteFence): RouteTable {
  const route = fenced(table, service, order);
  mustKnowCluster(route, order.from);
  mustKnowCluster(route, order.to);
  if (order.from === order.to) throw new CodedError('bad-input', `${order.from} cannot spill over to itself`);
  const { from, to, sharePct, untilMs, epoch } = order;
  const spill = sharePct > 0 ? { from, to, sharePct, untilMs, epoch } : null;
  return { ...table, [service]: { ...route, spill } };
}

/** What spills over at this moment: a lease that is over, or that a newer epoch overtook, is none. */
export function spillOf({ spill, epoch }: ServiceRoute, nowMs: number): SpillLease | null {
  if (spill === null || spill.epoch !== epoch || spill.untilMs <= nowMs) return null;
  const { from, to, sharePct, untilMs } = spill;
  return { from, to, sharePct, untilMs };
}

export function drainCluster(
  table: RouteTable,
  service: ServiceName,
  order: WriteFence & { readonly cluster: ClusterName },
): RouteTable {
  const route = fenced(table, service, order);
  mustKnowCluster(route, order.cluster);
  const drained = route.definition.members
    .map((m) => m.cluster)
    .filter((c) => c === order.cluster || route.drained.includes(c));
  if (drained.length === route.definition.members.length) {
    throw new CodedError('bad-input', `draining ${order.cluster} would leave ${service} without any cluster`);
  }
  return { ...table, [service]: { ...route, drained } };
}

export function undrainCluster(
  table: RouteTable,
  service: ServiceName,
  order: WriteFence & { readonly cluster: ClusterName },
): RouteTable {
  const route = fenced(table, service, order);
  mustKnowCluster(route, order.cluster);
  return {
    ...table,
    [service]: { ...route, drained: route.drained.filter((c) => c !== order.cluster) },
  };
}

/** The service's route. @throws CodedError `unknown-service` */
export function routeOf(table: RouteTable, service: ServiceName): ServiceRoute {
  const route = Object.hasOwn(table, service) ? table[service] : undefined;
  if (route !== undefined) return route;
  throw new CodedError('unknown-service', `no service "${service}"; known: ${Object.keys(table).join(', ') || 'none'}`);
}

/**
 * The route, with the place of this write. A write that was on its way for long, and comes after its own repetition and
 * what followed, has a smaller step; one that is repeated has the same, and says the same.
 */
function fenced(table: RouteTable, service: ServiceName, { epoch, step }: WriteFence): ServiceRoute {
  const route = routeOf(table, service);
  if (epoch < route.epoch) {
    throw new CodedError('stale-epoch', `${service}: epoch ${epoch} is older than ${route.epoch}`);
  }
  if (epoch === route.epoch && step !== undefined && step < route.step) {
    throw new CodedError('stale-epoch', `${service}: step ${step} of epoch ${epoch} is older than step ${route.step}`);
  }
  const jumpMax = route.epoch === 0 ? FIRST_EPOCH_MAX : EPOCH_JUMP_MAX;
  if (epoch - route.epoch > jumpMax) {
    const text = `${service}: epoch ${epoch} is more than ${jumpMax} above ${route.epoch}; nothing was changed. `;
    const next = 'Next: read the epoch with GET /state, and write with the one that follows it';
    throw new CodedError('epoch-too-far', text + next);
  }
  const before = epoch === route.epoch ? route.step : 0;
  return { ...route, epoch, step: step ?? before };
}

function mustKnowCluster(route: ServiceRoute, cluster: ClusterName): void {
  const names = route.definition.members.map((m) => m.cluster);
  if (names.includes(cluster)) return;
  throw new CodedError(
    'unknown-cluster',
    `${route.definition.service} has no cluster "${cluster}"; it has ${names.join(', ')}`,
  );
}

/** Weights with an entry for each member. @throws CodedError `bad-input` */
function checkedWeights(definition: ServiceDefinition, weights: Weights): Weights {
  const names = definition.members.map((m) => m.cluster);
  const strange = Object.keys(weights).find((name) => !names.includes(name));
  if (strange !== undefined) {
    throw new CodedError('bad-input', `weights name "${strange}"; ${definition.service} has ${names.join(', ')}`);
  }
  const whole = Object.fromEntries(names.map((name) => [name, weights[name] ?? 0]));
  const wrong = Object.entries(whole).find(([, weight]) => !(weight >= 0 && weight <= 100));
  if (wrong !== undefined)
    throw new CodedError('bad-input', `weight of ${wrong[0]} must be 0 to 100, found ${wrong[1]}`);
  const sum = Object.values(whole).reduce((a, b) => a + b, 0);
  if (Math.abs(sum - 100) > SUM_TOLERANCE)
    throw new CodedError('bad-input', `weights must add up to 100, found ${sum}`);
  return whole;
}

/** Weights for changed members: those that stay share what those that left had; nobody left with a share: back home. */
function carryOver(weights: Weights, definition: ServiceDefinition): Weights {
  const kept = definition.members.map((m) => [m.cluster, weights[m.cluster] ?? 0] as const);
  const sum = kept.reduce((total, [, weight]) => total + weight, 0);
  if (sum === 0) return checkedWeights(definition, definition.home);
  if (Math.abs(sum - 100) <= SUM_TOLERANCE) return Object.fromEntries(kept);
  return Object.fromEntries(kept.map(([name, weight]) => [name, (100 * weight) / sum]));
}

function sameWeights(a: Weights, b: Weights): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
