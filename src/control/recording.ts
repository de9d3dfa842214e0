/** What a recorder needs to know of a running system: a service, its clusters as they are watched, and what was moved. */
import type { ClusterSpec, ServiceSpec } from '../domain/fleet.js';
import { CodedError } from '../domain/errors.js';
import type { ClusterName, ServiceName } from '../domain/words.js';
import { clusterHealthId } from '../workflows/ids.js';
import { clusterOrderQuery, guardOrderQuery, type ClusterHealthOrder } from '../workflows/messages.js';
import { askWorkflow } from './ask.js';
import type { Control } from './control.js';
import { askGuard } from './guards.js';
import { inTurn } from './in-turn.js';
import { listRunning } from './running.js';

export interface WatchedService {
  readonly service: ServiceSpec;
  readonly clusters: readonly WatchedMember[];
  /** Other services of the cluster that was named: they are not recorded. */
  readonly others: readonly ServiceName[];
}

export interface WatchedMember {
  readonly spec: ClusterSpec;
  /** All services whose traffic counts for it. */
  readonly services: readonly ServiceName[];
}

/**
 * The service of a cluster (`wanted`, or the first one), with all of its clusters.
 * @throws CodedError `unknown-cluster`, `unknown-service`, `no-worker`, `temporal-unreachable`
 */
export async function readWatchedService(
  control: Control,
  cluster: ClusterName,
  wanted?: ServiceName,
): Promise<WatchedService> {
  const { services } = await orderOf(control, cluster);
  const name = wanted ?? services[0];
  if (name === undefined) throw new CodedError('unknown-service', `${cluster} serves no service`);
  if (!services.includes(name))
    throw new CodedError(
      'unknown-service',
      `${cluster} serves ${services.join(', ')}, and no \`${name.slice(0, 64)}\``,
    );
  const order = await askGuard(control, name, guardOrderQuery);
  const members = await inTurn(order.spec.members, async (member) => await orderOf(control, member.cluster));
  return {
    service: order.spec,
    clusters: members.map((member) => ({ spec: member.spec, services: member.services })),
    others: services.filter((service) => service !== name),
  };
}

async function orderOf(control: Control, cluster: ClusterName): Promise<ClusterHealthOrder> {
  const order = await askWorkflow(control.client, clusterHealthId(cluster), clusterOrderQuery);
  if (order !== null) return order;
  const known = await listRunning(control.client, 'cluster');
  const list = known.length === 0 ? 'none is watched' : `known are ${known.join(', ')}`;
  throw new CodedError('unknown-cluster', `no cluster \`${cluster.slice(0, 64)}\`: ${list}`);
}
