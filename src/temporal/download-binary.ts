/** Fetches the official release of the Temporal CLI. Where there is no network it gives up within seconds. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TEMPORAL_CLI_VERSION, askBinary } from './cli-version.js';
import type { Release, ReleaseUrls } from './releases.js';
import { runCommand } from './run-command.js';

const ANSWER_TIMEOUT_MS = 5_000;
const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;
/** The archive of 1.8.2 is about 60 MB. */
const ARCHIVE_BYTES_MAX = 400 * 1024 * 1024;
const CHECKSUMS_CHARS_MAX = 64 * 1024;

const ARCH_NAMES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Leaves the binary at `target`, checked against the release's checksum where that can be had, and tried once.
 * @throws Error in one line: no release for this machine, no network, wrong checksum, a binary that does not run.
 */
export async function downloadBinary(order: {
  readonly target: string;
  readonly releases: ReleaseUrls;
  readonly onLine: (line: string) => void;
}): Promise<{ readonly serverVersion: string }> {
  const { target, releases, onLine } = order;
  const release = releaseForThisMachine();
  const folder = join(dirname(target), `download-${process.pid}`);
  await mkdir(folder, { recursive: true });
  try {
    const archive = join(folder, `temporal_cli_${release.version}_${release.platform}_${release.arch}.tar.gz`);
    await fetchTo(archive, releases.archive(release), () => onLine(`downloading Temporal CLI ${release.version}`));
    await verifyChecksum(archive, releases.checksums(release), onLine);
    const unpacked = await runCommand({ command: 'tar', args: ['-xzf', archive, '-C', folder], timeoutMs: 60_000 });
    if (!unpacked.ok) throw new Error(`the archive cannot be unpacked: ${unpacked.why}`);
    const binary = join(folder, 'temporal');
    await chmod(binary, 0o755);
    const answer = await askBinary(binary);
    if (!answer.usable) throw new Error(`what was downloaded cannot be used: ${answer.why}`);
    await rename(binary, target);
    return { serverVersion: answer.serverVersion };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function releaseForThisMachine(): Release {
  const arch = ARCH_NAMES[process.arch];
  if (arch === undefined || !['linux', 'darwin'].includes(process.platform)) {
    throw new Error(`no release for ${process.platform}/${process.arch}`);
  }
  return { version: TEMPORAL_CLI_VERSION, platform: process.platform, arch };
}

async function fetchTo(file: string, url: string, onAnswer: () => void): Promise<void> {
  const abort = new AbortController();
  const answerTimer = setTimeout(
    () => abort.abort(new Error(`no answer in ${ANSWER_TIMEOUT_MS / 1000} s`)),
    ANSWER_TIMEOUT_MS,
  );
  const totalTimer = setTimeout(() => abort.abort(new Error('it took too long')), DOWNLOAD_TIMEOUT_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    clearTimeout(answerTimer);
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    onAnswer();
    await pipeline(Readable.fromWeb(response.body), atMost(ARCHIVE_BYTES_MAX), createWriteStream(file), {
      signal: abort.signal,
    });
  } catch (error) {
    throw new Error(`${new URL(url).origin}: ${reason(error)}`, { cause: error });
  } finally {
    clearTimeout(answerTimer);
    clearTimeout(totalTimer);
  }
}

function atMost(bytesMax: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > bytesMax) done(new Error(`larger than ${bytesMax} bytes`));
      else done(null, chunk);
    },
  });
}

/** `fetch` says only "fetch failed"; the reason is one level down. */
function reason(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message : message;
}

/** A list that cannot be had is said and passed over (TLS has named the sender); a sum that differs is the end. */
async function verifyChecksum(archive: string, url: string, onLine: (line: string) => void): Promise<void> {
  let list: string;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    list = (await response.text()).slice(0, CHECKSUMS_CHARS_MAX);
  } catch (error) {
    onLine(`the checksum could not be had from ${new URL(url).origin} (${reason(error)})`);
    return;
  }
  const name = archive.slice(dirname(archive).length + 1);
  const expected = list
    .split('\n')
    .find((line) => line.trim().endsWith(name))
    ?.trim()
    .split(/\s+/)[0];
  if (expected === undefined) {
    onLine(`the list of checksums does not name ${name}`);
    return;
  }
  const hash = createHash('sha256');
  await pipeline(createReadStream(archive), hash);
  const found = hash.digest('hex');
  if (found !== expected) throw new Error(`wrong checksum of ${name}: expected ${expected}, found ${found}`);
}
