/** What happened between two looks at the fleet, one sentence each. Pure. */
import type { ServiceStatus, StatusView } from '../../control/status.js';
import { briefly, leftOut, percent, spellWeights } from '../facts.js';

/** Lines for plain output and for the list of events; the first look tells everything that is there. */
export function changesBetween(before: StatusView | null, after: StatusView): readonly string[] {
  return after.services.flatMap((service) => {
    const earlier = before?.services.find(({ name }) => name === service.name);
    return [
      ...clusterChanges(earlier, service),
      ...weightChanges(earlier, service),
      ...spillChanges(earlier, service),
      ...moveChanges(earlier, service),
      ...questionChanges(earlier, service),
    ];
  });
}

function clusterChanges(before: ServiceStatus | undefined, { name: service, clusters }: ServiceStatus): string[] {
  return clusters.flatMap(({ name, verdict, evidence }) => {
    const earlier = before?.clusters.find((c) => c.name === name)?.verdict;
    if (earlier === verdict) return [];
    const why = evidence.length === 0 ? '' : `: ${evidence.map(briefly).join('; ')}`;
    return [`${service}: cluster ${name} is ${verdict}${earlier === undefined ? '' : `, was ${earlier}`}${why}`];
  });
}

function weightChanges(before: ServiceStatus | undefined, after: ServiceStatus): string[] {
  const [earlier, now] = [before === undefined ? null : weightsOf(before), weightsOf(after)];
  return earlier === now
    ? []
    : [`${after.name}: weights ${now}${leftOut(after).length > 0 ? ' (the gateway’s own doing)' : ''}`];
}

/** Effective weights where they are known: intended ones that do not hold are no news yet. */
function weightsOf({ clusters }: ServiceStatus): string {
  return clusters.map(({ name, intended, effective }) => `${name} ${percent(effective ?? intended)}`).join(', ');
}

/** Its beginning and its end; that it grows shows in the weights. */
function spillChanges(before: ServiceStatus | undefined, after: ServiceStatus): string[] {
  const [earlier, now] = [before?.spill, after.spill];
  if (earlier?.from === now?.from && earlier?.to === now?.to) return [];
  if (now !== undefined) return [`${after.name}: ${now.from} spills over to ${now.to}: ${briefly(now.why)}`];
  return [`${after.name}: ${earlier?.from} spills nothing to ${earlier?.to} any more`];
}

function moveChanges(before: ServiceStatus | undefined, after: ServiceStatus): string[] {
  const { name, move } = after;
  const earlier = before?.move ?? null;
  if (move === null)
    return earlier === null
      ? []
      : [`${name}: ${earlier.kind} ended: ${carriers(after)} (\`understudy history ${name}\`)`];
  const title = `${name}: ${move.kind} ${move.from.join(', ')} → ${move.to}`;
  if (earlier?.id !== move.id) return [`${title} began: ${move.step}`];
  return earlier.step === move.step && earlier.state === move.state ? [] : [`${title}: ${move.step} (${move.state})`];
}

/** How a move ended, as far as a look can tell: who has the traffic now. */
const carriers = ({ intended }: ServiceStatus): string =>
  spellWeights(Object.fromEntries(Object.entries(intended).filter(([, share]) => share > 0)));

function questionChanges(before: ServiceStatus | undefined, after: ServiceStatus): string[] {
  const question = questionOf(after);
  if (question === null || (before !== undefined && questionOf(before) === question)) return [];
  return [`${after.name}: ${question} (\`understudy approve ${after.name}\` or \`decline\`)`];
}

/** The open question of a service's move; `null` when nobody is asked. */
export function questionOf({ move }: ServiceStatus): string | null {
  return move?.question ?? null;
}
