/** A cluster's configuration as it really arrives: a signal sent by hand may carry anything, and none may fail a workflow task. */
import { ENGINES } from '../domain/fleet.js';
import { isFields } from '../domain/outside.js';
import type { ClusterName } from '../domain/words.js';
import { areNames, faultOfSize, isPositive, isText } from './plain-checks.js';

/** A golden prompt and all settings are some 20 KiB. What is larger would not fit into an activity, or the next run. */
const CLUSTER_ORDER_CHARS_MAX = 256 * 1024;

/** Of a cluster. Temporal takes 2 KiB in a search attribute, and fails the workflow task that sets a longer one. */
const TEXTS = { url: 2_048, region: 255, model: 2_048 } as const;

/** What is wrong with it in one sentence, or `null`. The file's own errors are found before it is sent (`src/config`). */
export function faultOfOrder(order: unknown, name: ClusterName): string | null {
  if (!isFields(order)) return 'an object with spec, vantages and services was expected';
  const { spec, vantages, services } = order;
  if (!isFields(spec)) return 'spec: an object was expected';
  if (spec['name'] !== name) return `spec.name: ${name} was expected`;
  if (!areNames(vantages) || vantages.length === 0) return 'vantages: a list of at least one name was expected';
  if (!areNames(services)) return 'services: a list of names was expected';
  return faultOfSpec(spec) ?? faultOfSize(order, CLUSTER_ORDER_CHARS_MAX);
}

/** What is wrong with the description of a cluster, its name apart. */
export function faultOfSpec(spec: Readonly<Record<string, unknown>>): string | null {
  const text = faultOfTexts(spec);
  if (text !== null) return text;
  if (!(ENGINES as readonly unknown[]).includes(spec['engine']))
    return `spec.engine: one of ${ENGINES.join(', ')} was expected`;
  const { health, probes, capacity } = spec;
  if (!isFields(probes)) return 'spec.probes: an object was expected';
  if (!isFields(capacity) || !isPositive(capacity['concurrency']))
    return 'spec.capacity.concurrency: a number was expected';
  if (!isFields(health)) return 'spec.health: an object was expected';
  const number = ['intervalMs', 'fall', 'rise'].find((field) => !isPositive(health[field]));
  if (number !== undefined) return `spec.health.${number}: a number above 0 was expected`;
  const { gray } = health;
  return isFields(gray) && isPositive(gray['failures']) && isPositive(gray['of'])
    ? null
    : 'spec.health.gray: failures and of were expected';
}

function faultOfTexts(spec: Readonly<Record<string, unknown>>): string | null {
  for (const [field, charsMax] of Object.entries(TEXTS)) {
    const text = spec[field];
    if (!isText(text) || text.length > charsMax)
      return `spec.${field}: a text of at most ${charsMax} characters was expected`;
  }
  return null;
}
