/** Everything that a page can send to a port without its user's help, from a foreign page and from a rebound name. */
import { readFileSync } from 'node:fs';
import type { BrowserContext, Page } from 'playwright-core';
import { EVIL } from './open-browser.js';

/** A request that would change or tell something. */
export interface Victim {
  readonly port: number;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: string;
}

/** Where the page is from: one of another site, or one whose name resolves to this machine by now. */
export type PageKind = 'foreign page' | 'rebound name';

export interface Attempt {
  readonly from: PageKind;
  readonly attack: string;
  readonly victim: Victim;
  /** What the page got to see of an answer that was no refusal; `null` for nothing. */
  readonly read: string | null;
}

/** A function of the victim, as text: it is for the browser. */
const RUN_ATTACKS = readFileSync(new URL('in-page.js', import.meta.url), 'utf8')
  .trim()
  .replace(/;$/u, '');
/** How many kinds of attack there are. */
export const ATTACKS = 17;
const PAGE = '<!doctype html><title>evil</title><body></body>';
/** Port of the attacker's own page; nothing listens there, the page is handed to the browser. */
const ELSEWHERE = 81;

/** All attacks of both kinds of page; those on one port from one page. */
export async function attackAll(context: BrowserContext, victims: readonly Victim[]): Promise<readonly Attempt[]> {
  const pages: Promise<readonly Attempt[]>[] = [];
  for (const port of new Set(victims.map((victim) => victim.port))) {
    const there = victims.filter((victim) => victim.port === port);
    pages.push(attackFrom(context, { from: 'foreign page', home: `http://${EVIL}:${ELSEWHERE}`, victims: there }));
    pages.push(attackFrom(context, { from: 'rebound name', home: `http://${EVIL}:${port}`, victims: there }));
  }
  return (await Promise.all(pages)).flat();
}

/** What was read, in words for an assertion: `[]` when no page learned anything. */
export const learned = (attempts: readonly Attempt[]): readonly string[] =>
  attempts
    .filter(({ read }) => read !== null)
    .map(({ from, attack, victim, read }) => `${from}, ${attack}, ${victim.port}${victim.path}: ${read}`);

async function attackFrom(
  context: BrowserContext,
  { from, home, victims }: { readonly from: PageKind; readonly home: string; readonly victims: readonly Victim[] },
): Promise<readonly Attempt[]> {
  const page = await context.newPage();
  try {
    if (!(await openPage(page, home))) return [];
    const attempts: Attempt[] = [];
    for (const victim of victims) attempts.push(...(await attackOne(page, { from, home, victim })));
    return attempts;
  } finally {
    await page.close();
  }
}

async function attackOne(
  page: Page,
  { from, home, victim }: { readonly from: PageKind; readonly home: string; readonly victim: Victim },
): Promise<readonly Attempt[]> {
  const target = from === 'rebound name' ? home : `http://127.0.0.1:${victim.port}`;
  const { method, path, body = '' } = victim;
  const order = JSON.stringify({ url: `${target}${path}`, method, body });
  const seen: [string, string | null][] = await page.evaluate(`(${RUN_ATTACKS})(${order})`);
  return seen.map(([attack, read]) => ({ from, attack, victim, read }));
}

/** False where the browser opens no page at all, because it never connects to that port. */
async function openPage(page: Page, home: string): Promise<boolean> {
  // As before a rebinding: the page itself comes from its author, what it asks for afterwards from this machine.
  await page.route(`${home}/attack`, async (route) => await route.fulfill({ contentType: 'text/html', body: PAGE }));
  try {
    await page.goto(`${home}/attack`);
    return true;
  } catch (error) {
    if (String(error).includes('ERR_UNSAFE_PORT')) return false;
    throw error;
  }
}
