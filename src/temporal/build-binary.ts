/** Builds the Temporal CLI from `tools/temporal`, a Go module of ours that pins it (docs/temporal.md says why). */
import { chmod, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { askBinary } from './cli-version.js';
import { lastLine, runCommand } from './run-command.js';

const MODULE_FOLDER = fileURLToPath(new URL('../../tools/temporal', import.meta.url));
const PACKAGE = 'github.com/temporalio/cli/cmd/temporal';
const BUILD_TIMEOUT_MS = 20 * 60_000;
const PROGRESS_EVERY_MS = 15_000;

/**
 * Leaves the binary at `target`: built beside it, then renamed, so that nobody ever runs a half-written file.
 * @throws Error in one line when Go is missing or the build fails.
 */
export async function buildBinary(order: {
  readonly target: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onLine: (line: string) => void;
}): Promise<{ readonly serverVersion: string }> {
  const { target, env, onLine } = order;
  const go = await runCommand({ command: 'go', args: ['version'], env, timeoutMs: 30_000 });
  if (!go.ok) throw new Error(`Go is not there (${go.why})`);

  onLine(`building Temporal with ${lastLine(go.output)}: about 3 minutes on two cores, once only`);
  const startedAt = Date.now();
  const progress = setInterval(
    () => onLine(`still building Temporal, ${seconds(startedAt)} so far`),
    PROGRESS_EVERY_MS,
  );
  const temporary = `${target}.${process.pid}.new`;
  try {
    const args = ['build', '-trimpath', '-ldflags', '-s -w', '-o', temporary, PACKAGE];
    // CGO off: the CLI's SQLite is pure Go, and a machine without a C compiler is a common one.
    const buildEnv = { ...env, CGO_ENABLED: '0' };
    const built = await runCommand({
      command: 'go',
      args,
      cwd: MODULE_FOLDER,
      env: buildEnv,
      timeoutMs: BUILD_TIMEOUT_MS,
    });
    if (!built.ok) throw new Error(`\`go build\` failed, ${built.why}: ${lastLine(built.output)}`);
    await chmod(temporary, 0o755);
    const answer = await askBinary(temporary);
    if (!answer.usable) throw new Error(`what was built cannot be used: ${answer.why}`);
    await rename(temporary, target);
    onLine(`Temporal is built (server ${answer.serverVersion}, ${seconds(startedAt)})`);
    return { serverVersion: answer.serverVersion };
  } finally {
    clearInterval(progress);
    await rm(temporary, { force: true });
  }
}

const seconds = (sinceMs: number): string => `${Math.round((Date.now() - sinceMs) / 1000)} s`;
