/** Text for people, JSON for programs; colours only where somebody sees them. */
import pc from 'picocolors';
import { jsonLine, printableAll } from '../domain/printable.js';
import type { ToldError } from './exit.js';

/** True when a person looks at stdout. */
export const onTerminal = (): boolean => process.stdout.isTTY === true && process.env['TERM'] !== 'dumb';

const { NO_COLOR } = process.env;
/** Colours of stdout; they do nothing on a pipe, on a dumb terminal and under NO_COLOR. */
export const colour = pc.createColors(onTerminal() && (NO_COLOR === undefined || NO_COLOR === ''));

/** One line, or several, for people. What others wrote has been made printable before it became part of it (`show`). */
export function say(text: string): void {
  process.stdout.write(`${forTerminal(text)}\n`);
}

/** The same on stderr. */
export function note(text: string): void {
  process.stderr.write(`${forTerminal(text)}\n`);
}

/** One JSON value on one line; shapes are in docs/json.md. */
export function printJson(value: unknown): void {
  process.stdout.write(`${jsonLine(value)}\n`);
}

/** Exact data for programs; for people a text that is made from printable data, so that no fact can forge a line. */
export function show<T>(value: T, json: boolean | undefined, render: (value: T) => string): void {
  if (json === true) printJson(value);
  else say(render(printableAll(value)));
}

/** The last net: nothing that moves a cursor gets to a terminal but line ends and our own colours. */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const RAW = /(?!\n|\u001b\[\d{1,2}m)[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
export const forTerminal = (text: string): string => text.replace(RAW, ' ');

/** What a program gets on stdout, and a person on stderr. */
export function tellError(error: ToldError, json: boolean): void {
  const { code, message, fix } = error;
  if (json) printJson({ error: { code, message, fix } });
  else note(`understudy: ${message}\nnext: ${fix}`);
}

/** Columns as wide as their widest cell; colour codes do not count. */
export function columns(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, widthOf(cell))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - widthOf(cell))))
      .join('  ');
  return rows.map((row) => `${indent}${line(row)}`.trimEnd()).join('\n');
}

// eslint-disable-next-line no-control-regex -- the escape character is what colour codes begin with
const COLOUR_CODE = /\u001b\[\d+m/g;
const widthOf = (cell: string): number => cell.replace(COLOUR_CODE, '').length;
