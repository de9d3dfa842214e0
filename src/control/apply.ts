/**
 * Brings the running workflows in line with a fleet: starts what is new, configures what changed, retires what left.
 * Clusters come before services, so that a new guard finds somebody to ask; services leave before their clusters.
 */
import type { Client } from '@temporalio/client';
import { defineSearchAttributeKey, type SearchAttributePair, SearchAttributeType } from '@temporalio/common';
import type { ClusterSpec, Fleet, ServiceSpec } from '../domain/fleet.js';
import type { Sender } from '../domain/guard/redirection.js';
import { CodedError } from '../domain/errors.js';
import { inMarkdown, SUMMARY_CHARS_MAX } from '../domain/printable.js';
import { CONTROL_TASK_QUEUE } from '../workflows/ids.js';
import {
  type ClusterHealthOrder,
  clusterOrderQuery,
  configureClusterSignal,
  configureGuardSignal,
  guardOrderQuery,
  type GuardOrder,
  retireSignal,
} from '../workflows/messages.js';
import { askWorkflow, inWords, isNotFound, isUnknownQuery, QUERY_DEADLINE_MS } from './ask.js';
import { difference, type FieldChange } from './difference.js';
import { inTurn } from './in-turn.js';
import { isRunning, type Kind, listRunning, WORKFLOW_TYPE, workflowIdOf } from './running.js';

export interface ApplyChange {
  readonly kind: Kind;
  readonly name: string;
  readonly change: 'created' | 'updated' | 'unchanged' | 'retired';
  /** What differs; `null` when it could not be asked what is there. */
  readonly fields: readonly FieldChange[] | null;
}

export interface ApplyResult {
  /** True: this is what would happen, and nothing was changed. */
  readonly dryRun: boolean;
  readonly changes: readonly ApplyChange[];
  /** What the reader should know beside the changes. */
  readonly notes: readonly string[];
}

type Order = ClusterHealthOrder | GuardOrder;

interface Wanted {
  readonly kind: Kind;
  readonly name: string;
  readonly order: Order;
  readonly summary: string;
  readonly attributes: SearchAttributePair[];
}

/** What runs under a name: nothing, something that tells its order, or something that could not be asked. */
type Present = { readonly runs: false } | { readonly runs: true; readonly order: Order | null };

/**
 * Applies `fleet` to the namespace of `client`. Repeatable; a second call finds everything unchanged. It needs no
 * worker: without one the orders wait in Temporal, and the result says that nobody could be asked for the difference.
 * @throws CodedError `temporal-unreachable`, `invariant`
 */
export async function applyFleet(
  client: Client,
  fleet: Fleet,
  options: { readonly dryRun: boolean; readonly sender?: Sender },
): Promise<ApplyResult> {
  const wanted = [
    ...Object.values(fleet.clusters).map((c) => wantedCluster(fleet, c)),
    ...Object.values(fleet.services).map((s) => wantedService(fleet, s)),
  ];
  const asker = new Asker(client);
  const planned = await inTurn(wanted, async (want) => ({ want, present: await asker.present(want.kind, want.name) }));
  const leaving = await findLeaving(client, fleet, {
    asker,
    orders: planned.flatMap(({ present }) => (present.runs && present.order !== null ? [present.order] : [])),
  });
  const changes = planned.map(({ want, present }) => changeOf(want, present));
  if (!options.dryRun) {
    for (const kind of ['cluster', 'service'] as const) {
      const due = planned.filter(({ want }, i) => want.kind === kind && changes[i]?.change !== 'unchanged');
      await inTurn(due, async ({ want }) => await configure(client, want, options.sender));
    }
    for (const { kind, name } of leaving) await retire(client, workflowIdOf(kind, name));
  }
  const retired = leaving.map(({ kind, name }): ApplyChange => ({ kind, name, change: 'retired', fields: [] }));
  return { dryRun: options.dryRun, changes: [...changes, ...retired], notes: asker.silent ? [SILENT] : [] };
}

const SILENT = 'no control worker answers: what is there could not be compared; the orders wait until one runs';

/** Asks workflows for their orders, and stops asking once nobody answers: one deadline is enough. */
class Asker {
  silent = false;
  constructor(private readonly client: Client) {}

  async present(kind: Kind, name: string): Promise<Present> {
    if (!(await isRunning(this.client, workflowIdOf(kind, name)))) return { runs: false };
    return { runs: true, order: this.silent ? null : await this.#order(kind, name) };
  }

  async #order(kind: Kind, name: string): Promise<Order | null> {
    try {
      const query = kind === 'cluster' ? clusterOrderQuery : guardOrderQuery;
      return await askWorkflow<Order>(this.client, workflowIdOf(kind, name), query);
    } catch (error) {
      if (isUnknownQuery(error)) return null;
      if (!(error instanceof CodedError) || error.code !== 'no-worker') throw error;
      this.silent = true;
      return null;
    }
  }
}

function changeOf({ kind, name, order }: Wanted, present: Present): ApplyChange {
  if (!present.runs) return { kind, name, change: 'created', fields: [] };
  if (present.order === null) return { kind, name, change: 'updated', fields: null };
  const fields = difference(present.order, order);
  return { kind, name, change: fields.length === 0 ? 'unchanged' : 'updated', fields };
}

/** Services first: a guard without clusters could only page. */
async function findLeaving(
  client: Client,
  fleet: Fleet,
  known: { readonly asker: Asker; readonly orders: readonly Order[] },
): Promise<readonly { readonly kind: Kind; readonly name: string }[]> {
  const leaving: { kind: Kind; name: string }[] = [];
  const orders = [...known.orders];
  for (const kind of ['service', 'cluster'] as const) {
    const kept = kind === 'cluster' ? fleet.clusters : fleet.services;
    // Visibility lags: who was just started is known to those who work with it.
    const names = new Set([...(await listRunning(client, kind)), ...orders.flatMap((order) => namesIn(order, kind))]);
    const gone = [...names].filter((name) => !Object.hasOwn(kept, name)).sort();
    for (const name of gone) {
      const present = await known.asker.present(kind, name);
      if (!present.runs) continue;
      leaving.push({ kind, name });
      if (present.order !== null) orders.push(present.order);
    }
  }
  return leaving;
}

function namesIn(order: Order, kind: Kind): readonly string[] {
  if ('clusters' in order) return kind === 'cluster' ? order.clusters.map((c) => c.name) : [];
  return kind === 'service' ? order.services : [];
}

async function configure(client: Client, want: Wanted, sender: Sender | undefined): Promise<void> {
  const workflowId = workflowIdOf(want.kind, want.name);
  try {
    await client.connection.withDeadline(
      Date.now() + QUERY_DEADLINE_MS,
      async () =>
        // One atomic call: whoever else applies at this moment, the order sent last is the one that holds.
        await client.workflow.signalWithStart(WORKFLOW_TYPE[want.kind], {
          workflowId,
          taskQueue: CONTROL_TASK_QUEUE,
          args: [want.order],
          signal: (want.kind === 'cluster' ? configureClusterSignal : configureGuardSignal).name,
          signalArgs: [sender === undefined ? want.order : { ...want.order, sender }],
          staticSummary: want.summary,
          typedSearchAttributes: want.attributes,
        }),
    );
  } catch (error) {
    throw await inWords(client, error, `${workflowId} was configured`);
  }
}

async function retire(client: Client, workflowId: string): Promise<void> {
  try {
    await client.connection.withDeadline(
      Date.now() + QUERY_DEADLINE_MS,
      async () => await client.workflow.getHandle(workflowId).signal(retireSignal),
    );
  } catch (error) {
    if (!isNotFound(error)) throw await inWords(client, error, `${workflowId} was retired`);
  }
}

const keyword = (name: string, value: string): SearchAttributePair => ({
  key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD),
  value,
});

function wantedCluster(fleet: Fleet, spec: ClusterSpec): Wanted {
  const services = Object.values(fleet.services).filter((s) => s.members.some((m) => m.cluster === spec.name));
  const order: ClusterHealthOrder = { spec, vantages: fleet.vantages, services: services.map((s) => s.name) };
  return {
    kind: 'cluster',
    name: spec.name,
    order,
    summary: inMarkdown(`cluster ${spec.name}: ${spec.engine} in ${spec.region}`, SUMMARY_CHARS_MAX),
    attributes: [
      keyword('UnderstudyKind', 'cluster'),
      keyword('UnderstudyCluster', spec.name),
      keyword('UnderstudyRegion', spec.region),
    ],
  };
}

function wantedService(fleet: Fleet, spec: ServiceSpec): Wanted {
  const clusters = spec.members.flatMap((m) => fleet.clusters[m.cluster] ?? []);
  const order: GuardOrder = { spec, clusters };
  const { staticSummary: summary, typedSearchAttributes: attributes } = attributesOfGuard(spec);
  return { kind: 'service', name: spec.name, order, summary, attributes };
}

/** How a guard is found and shown in Temporal. */
export function attributesOfGuard({ name, strategy, members }: ServiceSpec) {
  const summary = `service ${name}: ${strategy} over ${members.map((m) => m.cluster).join(', ')}`;
  return {
    staticSummary: inMarkdown(summary, SUMMARY_CHARS_MAX),
    typedSearchAttributes: [keyword('UnderstudyKind', 'service'), keyword('UnderstudyService', name)],
  };
}
