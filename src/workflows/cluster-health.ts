/**
 * Runbook: know what a cluster is, for ever.
 * 1. One watch activity a vantage; it returns only with another verdict, or to rotate, so a check costs no event.
 * 2. The vantages' verdicts are combined; what changes is told to the guards of every service that the cluster serves.
 * 3. A vantage that nobody watches any more has no vote.
 * 4. `configure` begins the watches anew with what they knew; `retire` ends everything; `tell-verdict` repeats the verdict.
 * 5. A long history continues as new: the watches end first, what they knew goes along.
 * 6. Cancelled in Temporal it tells the guards that nothing is known any more, and ends.
 */
import { messageOf } from '../domain/describe-error.js';
import {
  ActivityFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
  sleep,
  TimeoutFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { TimeoutType, type SearchAttributePair } from '@temporalio/common';
import { isNews } from '../domain/health/news.js';
import { combineVantages } from '../domain/health/quorum.js';
import type { VantageReport } from '../domain/health/types.js';
import type { VantageHealth } from '../domain/health/vantage.js';
import { UNKNOWN_DIAGNOSIS, type Diagnosis, type ServiceName, type Vantage } from '../domain/words.js';
import { redirectionsOfCluster } from '../domain/guard/redirection.js';
import { nowMs } from './clock.js';
import { detailsOfCluster } from './cluster-details.js';
import { faultOfOrder } from './cluster-order.js';
import { GuardTeller } from './guard-teller.js';
import {
  clusterHealthQuery,
  clusterOrderQuery,
  configureClusterSignal,
  retireSignal,
  tellVerdictSignal,
  type ClusterHealthOrder,
} from './messages.js';
import type { WatchResult } from './ports.js';
import { redirectionIn, reportOfCluster } from './report-redirections.js';
import { CLUSTER_KEY, KIND_KEY, REGION_KEY, STATE_KEY } from './search-attributes.js';
import { isName } from './plain-checks.js';
import { startWatch } from './start-watch.js';

/** After a watch that failed in an unexpected way: slow enough to cost little history, quick enough to matter. */
const AFTER_FAILURE_MS = 10_000;

/** What goes along into the next run. */
export interface ClusterHealthCarried {
  readonly diagnosis: Diagnosis;
  readonly reports: Readonly<Record<Vantage, VantageReport>>;
  readonly healths: Readonly<Record<Vantage, VantageHealth>>;
}

export interface ClusterHealthInput extends ClusterHealthOrder {
  readonly carried?: ClusterHealthCarried;
}

export async function clusterHealth(input: ClusterHealthInput): Promise<{ readonly kind: 'retired' }> {
  const { carried, ...order } = input;
  const cluster = new Cluster(order, carried);
  cluster.listen();
  cluster.show();
  try {
    return await watchForEver(cluster);
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(async () => await cluster.takeLeave());
    throw error;
  }
}

async function watchForEver(cluster: Cluster): Promise<{ readonly kind: 'retired' }> {
  while (!cluster.isRetired) {
    const { version } = cluster;
    const scope = new CancellationScope();
    void scope.run(async () => await cluster.watchFromEverywhere());
    await condition(() => cluster.isRetired || cluster.version !== version || workflowInfo().continueAsNewSuggested);
    // Nothing may wait for their ends: a replay hands them over together with answers of guards that came after them.
    scope.cancel();
    await Promise.resolve(); // the cancellations are ordered before the next watches
    if (!cluster.isRetired && workflowInfo().continueAsNewSuggested) {
      await condition(() => allHandlersFinished() && cluster.hasToldAll());
      return await continueAsNew<typeof clusterHealth>({ ...cluster.order, carried: cluster.carry() });
    }
  }
  await condition(() => allHandlersFinished() && cluster.hasToldAll());
  return { kind: 'retired' };
}

function unwatched(seen: string, by: string): Diagnosis {
  const sinceMs = nowMs();
  const evidence = { dimension: 'http', seen, threshold: 'a running watch', sinceMs, by } as const;
  return { verdict: 'unknown', sinceMs, evidence: [evidence] };
}

const isNobodyThere = (error: unknown): boolean =>
  error instanceof ActivityFailure &&
  error.cause instanceof TimeoutFailure &&
  error.cause.timeoutType === TimeoutType.SCHEDULE_TO_START;

class Cluster {
  isRetired = false;
  /** Grows with every change of the order. */
  version = 0;
  #diagnosis: Diagnosis;
  #reports: Record<Vantage, VantageReport>;
  #healths: Record<Vantage, VantageHealth>;
  readonly #guards: GuardTeller;

  constructor(
    public order: ClusterHealthOrder,
    carried: ClusterHealthCarried | undefined,
  ) {
    this.#diagnosis = carried?.diagnosis ?? { ...UNKNOWN_DIAGNOSIS, sinceMs: nowMs() };
    this.#reports = { ...carried?.reports };
    this.#healths = { ...carried?.healths };
    this.#guards = new GuardTeller(() => ({
      cluster: this.order.spec.name,
      diagnosis: this.#diagnosis,
      lastGenerationOkAtMs: this.#lastGenerationOkAtMs(),
    }));
  }

  /** All handlers, before the first await. A message sent by hand may carry anything: what is wrong is logged, no more. */
  listen(): void {
    setHandler(clusterHealthQuery, () => ({
      cluster: this.order.spec.name,
      diagnosis: this.#diagnosis,
      vantages: Object.values(this.#reports),
    }));
    setHandler(clusterOrderQuery, () => this.order);
    setHandler(retireSignal, () => void (this.isRetired = true));
    setHandler(tellVerdictSignal, (message) => {
      const service: unknown = (message as { service?: unknown } | null | undefined)?.service;
      if (isName(service)) this.#guards.tell([service]);
    });
    setHandler(configureClusterSignal, (order) => {
      const fault = faultOfOrder(order, this.order.spec.name);
      if (fault !== null) return log.warn('a configuration was refused', { fault });
      const { spec, vantages, services } = order;
      const redirection = redirectionIn(order, redirectionsOfCluster(this.order.spec, spec));
      this.#configure({ spec, vantages, services });
      if (redirection !== null) reportOfCluster(redirection, { cluster: spec.name, services, version: this.version });
    });
  }

  async watchFromEverywhere(): Promise<void> {
    await Promise.all(this.order.vantages.map(async (vantage) => await this.#watchFrom(vantage)));
  }

  /** What people see in Temporal: search attributes, and the verdict with its evidence as Markdown. */
  show(): void {
    const { name, region } = this.order.spec;
    const wanted: SearchAttributePair[] = [
      { key: KIND_KEY, value: 'cluster' },
      { key: CLUSTER_KEY, value: name },
      { key: REGION_KEY, value: region },
      { key: STATE_KEY, value: this.#diagnosis.verdict },
    ];
    const known = workflowInfo().typedSearchAttributes;
    const changed = wanted.filter(({ key, value }) => known.get(key as typeof KIND_KEY) !== value);
    if (changed.length > 0) upsertSearchAttributes(changed);
    setCurrentDetails(detailsOfCluster(this.order, this.#diagnosis, Object.values(this.#reports)));
  }

  hasToldAll(): boolean {
    return this.#guards.isQuiet();
  }

  carry(): ClusterHealthCarried {
    return { diagnosis: this.#diagnosis, reports: this.#reports, healths: this.#healths };
  }

  /** Nobody looks any more: the last verdict must not stand for ever. */
  async takeLeave(): Promise<void> {
    this.#diagnosis = unwatched('its watch was cancelled in Temporal', 'cluster workflow');
    this.show();
    this.#guards.tell(this.order.services);
    await condition(() => this.hasToldAll());
  }

  /** Until it is cancelled: a watch that ends is begun again with what it knew. */
  async #watchFrom(vantage: Vantage): Promise<void> {
    for (;;) {
      try {
        this.#take(vantage, await startWatch(this.order, vantage, this.#healths[vantage] ?? null));
      } catch (error) {
        if (isCancellation(error)) return;
        this.#lose(vantage);
        // Waiting in vain for a worker was pause enough: the next watch stands in the queue when one comes.
        if (!isNobodyThere(error) && !(await this.#pauseAfterFailure(error))) return;
      }
    }
  }

  async #pauseAfterFailure(error: unknown): Promise<boolean> {
    log.warn('a watch failed', { cluster: this.order.spec.name, error: messageOf(error) });
    try {
      await sleep(AFTER_FAILURE_MS, { summary: 'before the next watch' });
      return true;
    } catch (cancelled) {
      if (isCancellation(cancelled)) return false;
      throw cancelled;
    }
  }

  #take(vantage: Vantage, { report, health }: WatchResult): void {
    this.#healths[vantage] = health;
    this.#reports[vantage] = report;
    this.#combine();
  }

  /** Nobody looks from there: what it said last is no vote any more. Its memory is kept for whoever comes back. */
  #lose(vantage: Vantage): void {
    const last = this.#reports[vantage]?.lastGenerationOkAtMs ?? null;
    const diagnosis = unwatched('no probe worker watches from here', vantage);
    this.#reports[vantage] = { vantage, diagnosis, atMs: nowMs(), lastGenerationOkAtMs: last, lost: true };
    const health = this.#healths[vantage];
    // The next watch must return with what it finds, the old verdict included.
    if (health !== undefined) this.#healths[vantage] = { ...health, verdict: 'unknown', sinceMs: nowMs() };
    this.#combine();
  }

  #combine(): void {
    const before = this.#diagnosis;
    this.#diagnosis = combineVantages(Object.values(this.#reports), before, nowMs());
    this.show();
    if (isNews(before, this.#diagnosis)) this.#guards.tell(this.order.services);
  }

  #configure(order: ClusterHealthOrder): void {
    this.isRetired = false;
    if (JSON.stringify(order) === JSON.stringify(this.order)) return;
    // What was learnt with other checks, or of another address, says nothing of this one.
    if (JSON.stringify(order.spec) !== JSON.stringify(this.order.spec)) this.#healths = {};
    const joined: ServiceName[] = order.services.filter((service) => !this.order.services.includes(service));
    this.order = order;
    this.version += 1;
    const kept = order.vantages.filter((vantage) => vantage in this.#reports);
    this.#reports = Object.fromEntries(
      kept.flatMap((v) => (this.#reports[v] === undefined ? [] : [[v, this.#reports[v]]])),
    );
    this.#combine();
    this.#guards.tell(joined);
  }

  #lastGenerationOkAtMs(): number | null {
    const times = Object.values(this.#reports).flatMap((r) =>
      r.lastGenerationOkAtMs === null ? [] : [r.lastGenerationOkAtMs],
    );
    return times.length === 0 ? null : Math.max(...times);
  }
}
