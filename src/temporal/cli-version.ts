/** Which Temporal CLI we pin, which server is new enough, and how a binary is asked. */
import { runCommand } from './run-command.js';

/** The CLI that is downloaded or built; tools/temporal/go.mod pins the same one (a test compares them). */
export const TEMPORAL_CLI_VERSION = '1.8.2';
/** Oldest server that was measured with our SDK (docs/temporal.md). */
export const SERVER_VERSION_MIN = '1.29.0';

const VERSION_TIMEOUT_MS = 10_000;

/** Server version in the output of `temporal --version`, or `null` when there is none. */
export function parseServerVersion(output: string): string | null {
  return /\(Server (\d+\.\d+\.\d+)/.exec(output)?.[1] ?? null;
}

/** True when `version` is at least `min`; both `major.minor.patch`. */
export function isNewEnough(version: string, min: string = SERVER_VERSION_MIN): boolean {
  const [a, b] = [version, min].map((v) => v.split('.').map(Number));
  for (const at of [0, 1, 2]) {
    const difference = (a?.[at] ?? 0) - (b?.[at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

export type BinaryAnswer =
  { readonly usable: true; readonly serverVersion: string } | { readonly usable: false; readonly why: string };

/** Asks a binary for its version: the only proof that it runs on this machine. */
export async function askBinary(path: string): Promise<BinaryAnswer> {
  const answer = await runCommand({ command: path, args: ['--version'], timeoutMs: VERSION_TIMEOUT_MS });
  if (!answer.ok) return { usable: false, why: `\`${path} --version\`: ${answer.why}` };
  const serverVersion = parseServerVersion(answer.output);
  if (serverVersion === null) return { usable: false, why: `${path} does not say which server it holds` };
  if (!isNewEnough(serverVersion)) {
    return { usable: false, why: `${path} holds server ${serverVersion}, at least ${SERVER_VERSION_MIN} is needed` };
  }
  return { usable: true, serverVersion };
}
