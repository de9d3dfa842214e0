/** What people see of a guard in Temporal's UI: its move or none, its clusters, and why it did not act. Markdown. */
import { inMarkdown as md } from '../domain/printable.js';
import type { GuardState } from '../domain/guard/state.js';
import { viewOf } from '../domain/guard/view-of.js';

export function detailsOf(state: GuardState): string {
  const view = viewOf(state);
  const rows = view.clusters.map(
    (c) => `| ${md(c.name)} | ${md(c.role)} | ${c.verdict} | ${c.intended} % | ${md(c.evidence.join('; '))} |`,
  );
  const move =
    view.move === null ? 'no move is running' : `**${view.move.kind}** → ${md(view.move.to)}: ${md(view.move.step)}`;
  const whyNot =
    view.whyNot[0] === undefined
      ? ''
      : `\n\nLast decision not to act: ${md(view.whyNot[0].trigger)}: ${md(view.whyNot[0].why)}`;
  return `${move}\n\n| cluster | role | verdict | weight | evidence |\n|---|---|---|---|---|\n${rows.join('\n')}${whyNot}`;
}
