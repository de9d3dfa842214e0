/** `status`: what the guards intend, beside what the gateway does (docs/json.md keeps the shape stable). */
import { messageOf } from '../domain/describe-error.js';
import { CodedError } from '../domain/errors.js';
import type { GuardClusterView, GuardView } from '../domain/guard/view.js';
import type { ProbeCost } from '../domain/health/probe-cost.js';
import type { TrafficState } from '../domain/traffic.js';
import type { ServiceName, Unknown } from '../domain/words.js';
import type { Control } from './control.js';
import { type GatewayAdmin, readGatewayState } from './gateway-state.js';
import { readGuardAtStep } from './guards.js';
import { inTurn } from './in-turn.js';
import { readProbeCosts } from './probe-costs.js';
import { listRunning } from './running.js';

export interface ClusterStatus extends GuardClusterView {
  /** Percent really applied now; `null` when the gateway could not be asked. */
  readonly effective: number | null;
  /** Requests running there now; `unknown` is what the layer says, `null` that it could not be asked. */
  readonly inFlight: number | Unknown | null;
  /** What its completions cost; absent where none are sent, and in views that are read every second. */
  readonly probes?: ProbeCost;
}

export interface ServiceStatus extends Omit<GuardView, 'clusters'> {
  readonly clusters: readonly ClusterStatus[];
}

export interface StatusView {
  readonly services: readonly ServiceStatus[];
  /** Services whose guard did not answer, and why. */
  readonly unanswered: readonly { readonly name: ServiceName; readonly why: string }[];
  /** Why `effective` and `inFlight` are missing, or which gateway they do not speak of; `null` when they are fresh and whole. */
  readonly gatewayNote: string | null;
}

/**
 * The state of all services, or of those named in `only`.
 * @param gatewayAdmin - `null` leaves `effective` and `inFlight` empty
 * @throws CodedError `unknown-service` (only for a name in `only`), `no-worker` when no guard answers, `temporal-unreachable`
 */
export async function readStatus(
  control: Control,
  gatewayAdmin: GatewayAdmin | null = null,
  only: readonly ServiceName[] = [],
): Promise<StatusView> {
  const [names, gateway] = await Promise.all([
    only.length > 0 ? only : listRunning(control.client, 'service'),
    askGateway(gatewayAdmin),
  ]);
  const asked = await inTurn(names, async (name) => await askGuard(control, name));
  const refused = asked.flatMap((a) => (a.error === null ? [] : [a.error]));
  // A guard that left between the listing and the question is no mistake of the caller's.
  const fatal = refused.find(
    (e) => (only.length > 0 && e.code === 'unknown-service') || refused.length === asked.length,
  );
  if (fatal !== undefined) throw fatal;
  return {
    services: asked.flatMap(({ view }) => (view === null ? [] : [withTraffic(view, gateway.states.get(view.name))])),
    unanswered: asked.flatMap(({ name, error }) => (error === null ? [] : [{ name, why: error.message }])),
    gatewayNote: gateway.note,
  };
}

/** The same with what completions cost, which is one question more a cluster. */
export async function withProbeCosts(control: Control, view: StatusView, nowMs: number): Promise<StatusView> {
  const names = view.services.flatMap(({ clusters }) => clusters.map(({ name }) => name));
  const costs = await readProbeCosts(control, names, nowMs);
  const services = view.services.map((service) => ({
    ...service,
    clusters: service.clusters.map((cluster) => {
      const probes = costs[cluster.name];
      return probes === undefined ? cluster : { ...cluster, probes };
    }),
  }));
  return { ...view, services };
}

interface Asked {
  readonly name: ServiceName;
  readonly view: GuardView | null;
  readonly error: CodedError | null;
}

async function askGuard(control: Control, name: ServiceName): Promise<Asked> {
  try {
    return { name, view: await readGuardAtStep(control, name), error: null };
  } catch (error) {
    if (error instanceof CodedError) return { name, view: null, error };
    throw error;
  }
}

async function askGateway(
  admin: GatewayAdmin | null,
): Promise<{ readonly states: ReadonlyMap<ServiceName, TrafficState>; readonly note: string | null }> {
  if (admin === null) return { states: new Map(), note: 'no gateway is named: weights in effect are not known' };
  try {
    const { services, away } = await readGatewayState(admin);
    return { states: services, note: away.length === 0 ? null : away.join('; ') };
  } catch (error) {
    return { states: new Map(), note: messageOf(error) };
  }
}

/** While a move runs the guard holds the weights from before it; those of the present step are what was last written. */
function withTraffic(view: GuardView, state: TrafficState | undefined): ServiceStatus {
  const intended = view.move === null ? view.intended : (state?.intended ?? view.intended);
  const clusters = view.clusters.map((cluster): ClusterStatus => ({
    ...cluster,
    intended: intended[cluster.name] ?? cluster.intended,
    effective: state?.effective[cluster.name] ?? null,
    inFlight: state?.clusters[cluster.name]?.inFlight ?? null,
  }));
  return { ...view, intended, clusters };
}
