/** The guard's own words about what it would do, and what watching costs. */
import type { ClusterExplanation, Explanation } from '../domain/guard/explain.js';
import { probeCostSentence, usedUpSentences } from '../domain/health/probe-cost.js';
import type { ServiceName } from '../domain/words.js';
import { explainQuery } from '../workflows/messages.js';
import type { Control } from './control.js';
import { askGuard } from './guards.js';
import { readProbeCosts } from './probe-costs.js';

export interface ExplanationView extends Omit<Explanation, 'clusters'> {
  readonly clusters: readonly (ClusterExplanation & {
    /** What its completions cost, one sentence a fact; empty where none are sent. */
    readonly probes: readonly string[];
  })[];
}

/** @throws CodedError `unknown-service`, `no-worker`, `temporal-unreachable` */
export async function readExplanation(control: Control, service: ServiceName, nowMs: number): Promise<ExplanationView> {
  const explanation = await askGuard(control, service, explainQuery);
  const names = explanation.clusters.map(({ name }) => name);
  const costs = await readProbeCosts(control, names, nowMs);
  const clusters = explanation.clusters.map((cluster) => {
    const cost = costs[cluster.name];
    return { ...cluster, probes: cost === undefined ? [] : [probeCostSentence(cost), ...usedUpSentences(cost)] };
  });
  return { ...explanation, clusters };
}
