/**
 * Fetches the official release of the Temporal CLI. Where there is no network it gives up within seconds. Nothing of an
 * archive is unpacked or run unless its checksum stands in the release's list: without that list Go builds the CLI.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TEMPORAL_CLI_VERSION, askBinary } from './cli-version.js';
import { atMost, fetchBounded } from './fetch-bounded.js';
import type { Release, ReleaseUrls } from './releases.js';

const ANSWER_TIMEOUT_MS = 5_000;
const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;
/** The archive of 1.8.2 is about 60 MB, and holds about 150. */
const ARCHIVE_BYTES_MAX = 400 * 1024 * 1024;
const BINARY_BYTES_MAX = 800 * 1024 * 1024;
const CHECKSUMS_BYTES_MAX = 64 * 1024;
const UNPACK_TIMEOUT_MS = 60_000;
/** The one member of the archive that is wanted. */
const MEMBER = 'temporal';

const ARCH_NAMES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Leaves the binary at `target`, checked against the release's checksum, and tried once.
 * @throws Error in one line: no release for this machine, no network, no checksum or a wrong one, a binary that does not run.
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
    const expected = await checksumOf(basename(archive), release, releases);
    await fetchBounded(releases.archive(release), createWriteStream(archive), {
      bytesMax: ARCHIVE_BYTES_MAX,
      answerTimeoutMs: ANSWER_TIMEOUT_MS,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
      // Whoever sends the archive, its bytes are held against the checksum.
      hosts: 'any',
      onAnswer: () => onLine(`downloading Temporal CLI ${release.version}`),
    });
    await verifyChecksum(archive, expected);
    const binary = join(folder, MEMBER);
    await unpack(archive, binary);
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

/** What the release's own list says of a file; it comes from nobody but the release's hosts. */
async function checksumOf(name: string, release: Release, { checksums, hosts }: ReleaseUrls): Promise<string> {
  const url = checksums(release);
  const chunks: Buffer[] = [];
  const keep = async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of source) chunks.push(chunk);
  };
  try {
    const limits = { bytesMax: CHECKSUMS_BYTES_MAX, answerTimeoutMs: ANSWER_TIMEOUT_MS, timeoutMs: ANSWER_TIMEOUT_MS };
    await fetchBounded(url, keep, { ...limits, hosts });
  } catch (error) {
    throw new Error(`nothing was downloaded, for its checksum cannot be had: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const sums = Buffer.concat(chunks)
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+\*?/u))
    .filter((cells) => cells.length === 2 && cells[1] === name)
    .map(([sum = '']) => sum.toLowerCase());
  const [sum = ''] = sums;
  if (new Set(sums).size === 1 && /^[0-9a-f]{64}$/u.test(sum)) return sum;
  throw new Error(`nothing was downloaded, for ${new URL(url).origin} names no checksum of ${name}`);
}

async function verifyChecksum(archive: string, expected: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(archive), hash);
  const found = hash.digest('hex');
  if (found === expected) return;
  throw new Error(`wrong checksum of ${basename(archive)}: expected ${expected}, found ${found}`);
}

/** Only the content of the one member is taken: what else an archive names (paths, links, modes) touches no file. */
async function unpack(archive: string, binary: string): Promise<void> {
  const tar = spawn('tar', ['-xzOf', archive, MEMBER], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: UNPACK_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    tar.once('error', reject);
    tar.once('close', resolve);
  });
  ended.catch(() => undefined); // it is awaited below, after the pipe
  try {
    await pipeline(tar.stdout, atMost(BINARY_BYTES_MAX), createWriteStream(binary, { mode: 0o755 }));
    const code = await ended;
    if (code !== 0) throw new Error(`tar ended with ${code ?? 'a signal'}`);
  } catch (error) {
    tar.kill('SIGKILL');
    throw new Error(`the archive cannot be unpacked: ${(error as Error).message}`, { cause: error });
  }
}
