/** `status` as text. */
import type { ClusterStatus, ServiceStatus, StatusView } from '../control/status.js';
import type { Verdict } from '../domain/words.js';
import { clock, span, spokenTimes } from './clock-words.js';
import { leftOut, maintained, percent, probing, redirected, spilling, unwatched, usedUp } from './facts.js';
import { colour, columns } from './output.js';

/** What was not done longer ago than this explains nothing about now. */
const WHY_NOT_SHOWN_MS = 3_600_000;

/** @param nowMs - wall clock, for "since" */
export function renderStatus(view: StatusView, nowMs: number): string {
  const { services, unanswered, gatewayNote } = view;
  const blocks = services.map((service) => renderService(service, nowMs));
  if (services.length === 0 && unanswered.length === 0)
    blocks.push('no service is configured: `understudy apply -f <file>` brings some');
  blocks.push(...unanswered.map(({ name, why }) => `${name}: ${colour.yellow('no answer')}: ${why}`));
  if (gatewayNote !== null && services.length > 0) blocks.push(colour.dim(`note: ${gatewayNote}`));
  return blocks.join('\n\n');
}

function renderService(service: ServiceStatus, nowMs: number): string {
  const { name, mode, epoch, strategy, clusters, move, failback, frozen } = service;
  const head = `${colour.bold(name)}  ${strategy}, mode ${mode}, epoch ${epoch}`;
  const rows = clusters.map((cluster) => clusterRow(cluster, nowMs));
  const titles = ['', 'cluster', 'role', 'verdict', 'for', 'intended', 'effective', 'in flight'].map((t) =>
    colour.dim(t),
  );
  const lines = [head, columns([titles, ...rows])];
  lines.push(...clusters.flatMap(evidenceLines));
  const remarks = [
    ...redirected(service, nowMs),
    ...spilling(service),
    ...leftOut(service),
    ...unwatched(service),
    ...maintained(service),
    ...usedUp(service),
  ];
  lines.push(...remarks.map((remark) => colour.yellow(`  ${remark}`)));
  lines.push(...probing(service).map((cost) => colour.dim(`  ${cost}`)));
  if (frozen !== null) lines.push(`  frozen by ${frozen.by} until ${clock(frozen.until)}: ${frozen.reason}`);
  if (move !== null) lines.push(...moveLines(name, move));
  if (failback !== null)
    lines.push(
      `  failback ${failback.state}${failback.dueAt === null ? '' : `, due ${clock(failback.dueAt)}`}: ${failback.why}`,
    );
  const [held] = service.whyNot;
  if (held !== undefined && move === null && nowMs - Date.parse(held.at) < WHY_NOT_SHOWN_MS)
    lines.push(colour.dim(`  nothing was done at ${clock(held.at)} (${held.trigger}): ${held.why}`));
  return lines.map((line) => spokenTimes(line, nowMs)).join('\n');
}

/** A line a fact: side by side they are longer than any terminal is wide. */
function evidenceLines({ name, evidence }: ClusterStatus): readonly string[] {
  return evidence.map((fact, i) => colour.dim(`  ${i === 0 ? `${name}:` : ' '.repeat(name.length + 1)} ${fact}`));
}

function moveLines(service: string, move: NonNullable<ServiceStatus['move']>): readonly string[] {
  const line = `  ${colour.cyan(move.kind)} ${move.from.join(', ')} → ${move.to}: ${move.step} (${move.state}), since ${clock(move.startedAt)}, ${move.id}`;
  return move.question === null
    ? [line]
    : [line, `  ${colour.yellow('question')}: ${move.question}`, answerHint(service)];
}

const answerHint = (service: string): string =>
  colour.dim(`  answer: understudy approve ${service}, or understudy decline ${service}`);

function clusterRow(cluster: ClusterStatus, nowMs: number): readonly string[] {
  const since = cluster.since === null ? '-' : span(nowMs - Date.parse(cluster.since));
  const effective = cluster.effective === null ? '-' : percent(cluster.effective);
  const inFlight = cluster.inFlight === null ? '-' : String(cluster.inFlight);
  const serving = (cluster.effective ?? cluster.intended) > 0 ? '▸' : ' ';
  return [
    serving,
    cluster.name,
    cluster.role,
    paintVerdict(cluster.verdict),
    since,
    percent(cluster.intended),
    effective,
    inFlight,
  ];
}

function paintVerdict(verdict: Verdict): string {
  switch (verdict) {
    case 'healthy':
      return colour.green(verdict);
    case 'dead':
    case 'stuck':
      return colour.red(verdict);
    case 'degraded':
    case 'overloaded':
    case 'unreachable':
    case 'starting':
      return colour.yellow(verdict);
    case 'unknown':
      return colour.dim(verdict);
  }
}
