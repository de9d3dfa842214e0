/** The real Temporal server, which the CLI's development server is not: built once from `tools/temporal-server`, and kept. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../../src/temporal/find-binary.js';

const VERSION = '1.31.2';
const MODULE = fileURLToPath(new URL('../../tools/temporal-server', import.meta.url));
const PACKAGE = 'go.temporal.io/server/cmd/server';

/** Path of the binary. Building it takes some five minutes on two cores, and needs Go. */
export function temporalServerBinary(): string {
  const folder = cacheFolder(process.env);
  const binary = join(folder, `temporal-server-${VERSION}`);
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  console.error('building the Temporal server: about five minutes on two cores, once only');
  const draft = `${binary}.${process.pid}`;
  const args = ['build', '-mod=readonly', '-trimpath', '-ldflags', '-s -w', '-o', draft, PACKAGE];
  const built = spawnSync('go', args, { cwd: MODULE, stdio: 'inherit' });
  if (built.status !== 0) throw new Error(`go build of ${PACKAGE} failed`);
  renameSync(draft, binary);
  return binary;
}
