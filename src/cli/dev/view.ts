/** The live view of `understudy dev` as lines of text. Pure: the same picture gives the same lines. */
import type pc from 'picocolors';
import type { ServiceStatus } from '../../control/status.js';
import type { Verdict } from '../../domain/words.js';
import { spokenTimes } from '../clock-words.js';
import { briefly, leftOut, maintained, percent, redirected, spilling } from '../facts.js';
import { questionOf } from './changes.js';

type Colors = ReturnType<typeof pc.createColors>;

export interface Picture {
  readonly services: readonly ServiceStatus[];
  /** Wall clock of the picture, ms. */
  readonly nowMs: number;
  /** Why parts of the status are missing; empty when all is fresh. */
  readonly notes: readonly string[];
  readonly processes: readonly { readonly name: string; readonly state: string }[];
  /** Newest last. */
  readonly events: readonly { readonly at: string; readonly text: string }[];
  readonly urls: readonly { readonly what: string; readonly url: string }[];
  readonly tips: readonly string[];
}

export interface Paper {
  readonly columns: number;
  readonly rows: number;
  readonly colors: Colors;
}

const EVENTS_MIN = 3;

/** At most `rows` lines of at most `columns` characters; events give way first. */
export function renderView(picture: Picture, paper: Paper): readonly string[] {
  const { colors } = paper;
  const above = [title(picture, colors), '', ...servicesBlock(picture, colors)];
  const below = ['', ...urlsBlock(picture, colors), '', ...tipsBlock(picture, colors)];
  const room = Math.max(EVENTS_MIN, paper.rows - above.length - below.length - 2);
  const lines = [
    ...above,
    '',
    `${colors.bold('Events')} ${colors.dim('(UTC)')}`,
    ...eventsBlock(picture, room, colors),
    ...below,
  ];
  return lines.slice(0, paper.rows).map((line) => crop(line, paper.columns));
}

function title({ processes }: Picture, colors: Colors): string {
  const away = processes.filter(({ state }) => state !== 'running');
  const health =
    away.length === 0
      ? colors.green(`${processes.length} processes running`)
      : colors.red(away.map(({ name, state }) => `${name}: ${state}`).join(', '));
  return `${colors.bold('Understudy')}  ${health}  ${colors.dim('Ctrl-C ends everything')}`;
}

function servicesBlock({ services, notes, nowMs }: Picture, colors: Colors): string[] {
  const warnings = notes.map((note) => colors.yellow(`! ${note}`));
  if (services.length === 0) return [...warnings, colors.dim('no service answers yet')];
  return [...services.flatMap((service) => serviceLines(service, nowMs, colors)), ...warnings];
}

function serviceLines(service: ServiceStatus, nowMs: number, colors: Colors): string[] {
  const { name, mode, epoch, strategy } = service;
  return [
    `${colors.bold(name)}  ${colors.dim(`${strategy}, mode ${mode}, epoch ${epoch}`)}`,
    colors.dim(`  ${row(['CLUSTER', 'ROLE', 'VERDICT', 'INTENDED', 'EFFECTIVE', 'IN FLIGHT'])}`),
    ...service.clusters.map((c) => {
      const [first, rest] = [
        row([c.name, c.role, c.verdict]),
        row([percent(c.intended), c.effective === null ? '?' : percent(c.effective), String(c.inFlight ?? '?')]),
      ];
      return `  ${paint(c.verdict, first, colors)} ${rest}`.trimEnd();
    }),
    ...service.clusters
      .filter(({ evidence }) => evidence.length > 0)
      .map(({ name: cluster, evidence }) => colors.dim(`  ${cluster}: ${evidence.map(briefly).join('; ')}`)),
    ...[...redirected(service, nowMs), ...spilling(service), ...leftOut(service), ...maintained(service)].map(
      (remark) => colors.yellow(`  ${spokenTimes(remark, nowMs)}`),
    ),
    ...moveLines(service, colors).map((line) => spokenTimes(line, nowMs)),
  ];
}

const COLUMN = 11;
const row = (cells: readonly string[]): string => cells.map((cell) => cell.padEnd(COLUMN)).join(' ');

function paint(verdict: Verdict, text: string, colors: Colors): string {
  if (verdict === 'healthy') return colors.green(text);
  return verdict === 'unknown' || verdict === 'starting' ? colors.dim(text) : colors.red(text);
}

function moveLines(service: ServiceStatus, colors: Colors): string[] {
  const { move, failback } = service;
  const question = questionOf(service);
  if (question !== null)
    return [
      colors.yellow(`  ? ${question}`),
      `    npx understudy approve ${service.name}   ${colors.dim(`or: npx understudy decline ${service.name}`)}`,
    ];
  if (move !== null) {
    return [`  ${colors.cyan(`${move.kind} ${move.from.join(', ')} → ${move.to}: ${move.step} (${move.state})`)}`];
  }
  if (failback !== null) return [`  ${colors.cyan(`failback ${failback.state}: ${failback.why}`)}`];
  return [colors.dim('  no move is running')];
}

function eventsBlock({ events }: Picture, room: number, colors: Colors): string[] {
  if (events.length === 0) return [colors.dim('  nothing yet')];
  return events.slice(-room).map(({ at, text }) => `  ${colors.dim(at)} ${text}`);
}

function urlsBlock({ urls }: Picture, colors: Colors): string[] {
  return urls.map(({ what, url }) => `${what.padEnd(COLUMN)} ${colors.cyan(url)}`);
}

function tipsBlock({ tips }: Picture, colors: Colors): string[] {
  return [colors.bold('Try, in another terminal'), ...tips.map((tip) => `  ${tip}`)];
}

/* eslint-disable-next-line no-control-regex -- escape sequences are what is looked for */
const ESCAPE = /\u001b\[[0-9;]*m/y;

/** Cuts to a width in visible characters; escape sequences take no room and are all kept, so that colours end. */
export function crop(line: string, columns: number): string {
  let [out, width] = ['', 0];
  for (let at = 0; at < line.length;) {
    ESCAPE.lastIndex = at;
    const escape = ESCAPE.exec(line)?.[0];
    const character = escape ?? String.fromCodePoint(line.codePointAt(at) ?? 0);
    if (escape !== undefined || width < columns) out += character;
    if (escape === undefined) width += 1;
    at += character.length;
  }
  return out;
}
