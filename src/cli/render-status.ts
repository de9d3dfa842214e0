/** `status` as text. */
import type { ClusterStatus, ServiceStatus, StatusView } from '../control/status.js';
import type { Verdict } from '../domain/words.js';
import { clockTime, span } from './clock-words.js';
import { colour, columns } from './output.js';

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
  const titles = ['', 'cluster', 'role', 'verdict', 'for', 'intended', 'effective', 'in flight', 'evidence'].map((t) =>
    colour.dim(t),
  );
  const lines = [head, columns([titles, ...rows])];
  if (frozen !== null) lines.push(`  frozen by ${frozen.by} until ${clockTime(frozen.until)}: ${frozen.reason}`);
  if (move !== null) lines.push(...moveLines(name, move));
  if (failback !== null)
    lines.push(
      `  failback: ${failback.state}${failback.dueAt === null ? '' : `, due ${clockTime(failback.dueAt)}`}: ${failback.why}`,
    );
  const [held] = service.whyNot;
  if (held !== undefined && move === null)
    lines.push(colour.dim(`  not done at ${clockTime(held.at)}: ${held.trigger}: ${held.why}`));
  return lines.join('\n');
}

function moveLines(service: string, move: NonNullable<ServiceStatus['move']>): readonly string[] {
  const line = `  ${colour.cyan(move.kind)} ${move.from.join(', ')} → ${move.to}: ${move.step} (${move.state}), since ${clockTime(move.startedAt)}, ${move.id}`;
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
    cluster.evidence.join('; '),
  ];
}

const percent = (share: number): string => `${Math.round(share * 10) / 10} %`;

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
