/** What Temporal's UI shows of a cluster: the verdict first, then why, then who says what. */
import { inMarkdown as md } from '../domain/printable.js';
import type { VantageReport } from '../domain/health/types.js';
import type { Diagnosis } from '../domain/words.js';
import { iso } from './clock.js';
import type { ClusterHealthOrder } from './messages.js';

const EVIDENCE_SHOWN_MAX = 12;

export function detailsOfCluster(
  order: ClusterHealthOrder,
  diagnosis: Diagnosis,
  reports: readonly VantageReport[],
): string {
  const { name, region, model, engine } = order.spec;
  const evidence = diagnosis.evidence
    .slice(0, EVIDENCE_SHOWN_MAX)
    .map(
      (e) =>
        `- ${md(e.dimension)}: ${md(e.seen)} (limit: ${md(e.threshold)}), since ${iso(e.sinceMs)}, seen by ${md(e.by)}`,
    );
  const rows = reports.map((r) => `| ${md(r.vantage)} | ${r.diagnosis.verdict} | ${iso(r.diagnosis.sinceMs)} |`);
  return [
    `**${md(name)} is ${diagnosis.verdict}** since ${iso(diagnosis.sinceMs)}`,
    '',
    `${engine}, ${md(model)}, ${md(region)}; serves ${md(order.services.join(', ')) || 'no service'}`,
    '',
    ...evidence,
    '',
    '| Vantage | Verdict | Since |',
    '|---|---|---|',
    ...rows,
  ].join('\n');
}
