/**
 * A real browser, Debian's Chromium, for tests of what web pages can do to us. `EVIL` is a name that resolves to this
 * machine, as a name does after DNS rebinding.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';

export const EVIL = 'evil.example';

/** `null` where none is installed. */
export const CHROMIUM: string | null =
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path)) ?? null;

/** Without a browser nothing was tested: said on a developer's machine, a failure in continuous integration. */
export const BROWSER_MISSING = CHROMIUM === null && process.env['CI'] !== 'true';

export interface TestBrowser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

export async function openBrowser(): Promise<TestBrowser> {
  if (CHROMIUM === null) throw new Error('no Chromium: apt-get install chromium');
  const profile = mkdtempSync(join(tmpdir(), 'understudy-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    chromiumSandbox: false,
    args: [
      ...['--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
      // Its own guard against such pages, which other browsers lack and which a page of this machine passes.
      '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets',
      `--host-resolver-rules=MAP ${EVIL} 127.0.0.1`,
    ],
  });
  return {
    context,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
