/**
 * What our own workflows and `apply` tell a guard or a move, as it really arrives: the signals have names that anybody
 * can type, and none may fail a workflow task. Each function names what is wrong in one sentence, or answers `null`.
 */
import { isFields, type Fields } from '../domain/outside.js';
import { FACT_CHARS_MAX, printableAll } from '../domain/printable.js';
import { VERDICTS, type Diagnosis, type ServiceName } from '../domain/words.js';
import { faultOfSpec } from './cluster-order.js';
import { faultOfSize, isLength, isName, isPositive, isText, isTime } from './plain-checks.js';

/** Of a verdict on one cluster, to a guard or to a move. */
export function faultOfVerdict(message: unknown): string | null {
  if (!isFields(message) || !isName(message['cluster'])) return 'cluster: a name was expected';
  const { diagnosis, lastGenerationOkAtMs: proof } = message;
  if (!isFields(diagnosis)) return 'diagnosis: an object was expected';
  if (!(VERDICTS as readonly unknown[]).includes(diagnosis['verdict']))
    return 'diagnosis.verdict: a verdict was expected';
  if (!isTime(diagnosis['sinceMs'])) return 'diagnosis.sinceMs: a time was expected';
  const { evidence } = diagnosis;
  if (!Array.isArray(evidence) || !evidence.every(isFields)) return 'diagnosis.evidence: a list of facts was expected';
  return proof === undefined || proof === null || isTime(proof) ? null : 'lastGenerationOkAtMs: a time was expected';
}

/** A diagnosis of ours has a fact a dimension. */
const EVIDENCE_MAX = 24;

/** What a guard keeps of a diagnosis, and hands to its views, its stories and its next run: bounded, whoever sent it. */
export function keptDiagnosis({ verdict, sinceMs, evidence, unwatchedFrom }: Diagnosis): Diagnosis {
  const facts = evidence
    .slice(0, EVIDENCE_MAX)
    .map(({ dimension, seen, threshold, sinceMs: since, by }) => ({ dimension, seen, threshold, sinceMs: since, by }));
  const from = unwatchedFrom === undefined ? {} : { unwatchedFrom: unwatchedFrom.slice(0, EVIDENCE_MAX) };
  return printableAll({ verdict, sinceMs, evidence: facts, ...from }, FACT_CHARS_MAX);
}

/** Of a move's word on where it stands. */
export function faultOfProgress(message: unknown): string | null {
  if (!isFields(message)) return 'an object with id, step, state and question was expected';
  const wrong = ['id', 'step', 'state'].find((field) => !isText(message[field]));
  if (wrong !== undefined) return `${wrong}: a text was expected`;
  if (!['undefined', 'boolean'].includes(typeof message['touched'])) return 'touched: yes or no was expected';
  return message['question'] === null || isText(message['question']) ? null : 'question: a text was expected';
}

/** A service with 100 clusters is some 200 KiB. */
const GUARD_ORDER_CHARS_MAX = 768 * 1024;

/** Of a guard's configuration. The file's own errors are found before it is sent (`src/config`). */
export function faultOfGuardOrder(order: unknown, service: ServiceName): string | null {
  if (!isFields(order)) return 'an object with spec and clusters was expected';
  const { spec, clusters } = order;
  if (!isFields(spec) || spec['name'] !== service) return `spec.name: ${service} was expected`;
  if (!Array.isArray(clusters) || !clusters.every(isFields)) return 'clusters: a list of objects was expected';
  for (const cluster of clusters) {
    const fault = isName(cluster['name']) ? faultOfSpec(cluster) : 'name: a name was expected';
    if (fault !== null) return `clusters: ${fault}`;
  }
  return (
    faultOfMembers(spec['members'], new Set(clusters.map((c) => c['name']))) ??
    faultOfService(spec) ??
    faultOfSize(order, GUARD_ORDER_CHARS_MAX)
  );
}

function faultOfMembers(members: unknown, known: ReadonlySet<unknown>): string | null {
  if (!Array.isArray(members) || members.length === 0) return 'spec.members: a list of at least one was expected';
  const sound = members.every((m) => isFields(m) && isText(m['role']) && known.has(m['cluster']));
  return sound ? null : 'spec.members: each with a role and one of the clusters was expected';
}

function faultOfService({ strategy, mode, traffic, move, failback, overload }: Fields): string | null {
  if (!isText(strategy) || !isText(mode)) return 'spec: texts for strategy and mode were expected';
  if (!isFields(traffic) || !isText(traffic['layer'])) return 'spec.traffic.layer: a text was expected';
  if (!isFields(failback) || !isText(failback['policy']) || !isLength(failback['soakMs']))
    return 'spec.failback: policy and soakMs were expected';
  if (overload !== undefined && (!isFields(overload) || typeof overload['spillMaxPct'] !== 'number'))
    return 'spec.overload.spillMaxPct: a percentage was expected';
  return faultOfMove(move);
}

const RAMPS = ['emergency', 'degraded', 'planned'];
const LENGTHS = ['drainTimeoutMs', 'stepDeadlineMs', 'bakeMs', 'slowFirstTokenMs', 'cooldownMs', 'approvalTimeoutMs'];

function faultOfMove(move: unknown): string | null {
  if (!isFields(move)) return 'spec.move: an object was expected';
  const ramp = RAMPS.find((name) => {
    const steps = move[name];
    return !Array.isArray(steps) || steps.length === 0 || !steps.every(isPositive);
  });
  if (ramp !== undefined) return `spec.move.${ramp}: a list of percents was expected`;
  const length = LENGTHS.find((name) => !isLength(move[name]));
  return length === undefined ? null : `spec.move.${length}: a length of time was expected`;
}
