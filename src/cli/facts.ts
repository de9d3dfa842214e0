/** Facts of a status in the words that all views share. Pure. */
import type { Redirections } from '../control/history.js';
import type { ServiceStatus } from '../control/status.js';
import { REDIRECTION_SHOWN_MS } from '../domain/guard/redirection.js';
import { probeCostSentence, usedUpSentences } from '../domain/health/probe-cost.js';
import { unwatchedOf, unwatchedSentence } from '../domain/guard/unwatched.js';
import type { Weights } from '../domain/words.js';
import { dateTime } from './clock-words.js';

/** A weight as people read it: no digits that say nothing. */
export const percent = (share: number): string => `${Math.round(share * 10) / 10} %`;

/** `eu-a 75 %, us-b 25 %` */
export const spellWeights = (weights: Weights): string =>
  Object.entries(weights)
    .map(([cluster, share]) => `${cluster} ${percent(share)}`)
    .join(', ');

/** Evidence for a narrow place, without its limit and its witness; `understudy status` shows those. */
export const briefly = (fact: string): string => fact.replace(/ \(limit: .*\)$/u, '');

/** Clusters that should carry traffic and get none although nothing moves: one sentence each. */
export function leftOut({ clusters, move }: ServiceStatus): string[] {
  if (move !== null) return [];
  return clusters
    .filter(({ intended, effective }) => intended > 0 && effective === 0)
    .map(({ name }) => `the gateway leaves ${name} out by itself, as requests to it fail`);
}

/** Changes of where prompts go, of the last day. */
export const redirected = ({ redirections = [] }: ServiceStatus, nowMs: number): string[] =>
  redirections
    .filter(({ at }) => nowMs - Date.parse(at) < REDIRECTION_SHOWN_MS)
    .map((redirection) => `prompts go elsewhere since ${redirectionLine(redirection)}`);

export const redirectionLine = ({ at, by, changes }: Redirections[number]): string =>
  `${dateTime(at)} UTC, ${by}: ${changes.join('; ')}`;

/** Vantages that nobody watches from: one sentence each. */
export const unwatched = ({ clusters }: ServiceStatus): string[] => unwatchedOf(clusters).map(unwatchedSentence);

/** What completions cost each cluster: one sentence each, where it was asked. */
export const probing = ({ clusters }: ServiceStatus): string[] =>
  clusters.flatMap(({ name, probes }) =>
    probes === undefined ? [] : [`probes of ${name}: ${probeCostSentence(probes)}`],
  );

/** Clusters that may be sent no completion at the moment: one sentence a vantage. */
export const usedUp = ({ clusters }: ServiceStatus): string[] =>
  clusters.flatMap(({ name, probes }) =>
    probes === undefined ? [] : usedUpSentences(probes).map((sentence) => `${name}: ${sentence}`),
  );

/** What spills over from an overloaded cluster, in one sentence. */
export const spilling = ({ spill }: ServiceStatus): string[] =>
  spill === undefined
    ? []
    : [`spills ${percent(spill.sharePct)} of ${spill.from} to ${spill.to} until ${spill.until}, because ${spill.why}`];

/** Clusters that somebody works on: one sentence each. */
export const maintained = ({ clusters }: ServiceStatus): string[] =>
  clusters.flatMap(({ name, maintenance }) =>
    maintenance === undefined
      ? []
      : [`${name} is in maintenance by ${maintenance.by} until ${maintenance.until}: ${maintenance.reason}`],
  );
