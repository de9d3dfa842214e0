import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isNewEnough, parseServerVersion, TEMPORAL_CLI_VERSION } from '../../src/temporal/cli-version.js';
import { cacheFolder, findTemporalBinary } from '../../src/temporal/find-binary.js';
import { freePorts } from '../../src/temporal/ports.js';
import type { ReleaseUrls } from '../../src/temporal/releases.js';

let folder = '';
let lines: string[] = [];
let release: Server | null = null;
const onLine = (line: string): void => void lines.push(line);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-find-'));
  lines = [];
});
afterEach(() => {
  release?.close();
  release = null;
  rmSync(folder, { recursive: true, force: true });
});

/** A program that answers `--version` as the CLI does. */
function fakeCli(path: string, serverVersion = '1.31.2'): string {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho "temporal version 1.2.3 (Server ${serverVersion}, UI 2.50.1)"\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Tools that the finder itself needs, and nothing else: no `temporal`, no `go`. */
function bareTools(): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const tool of ['sh', 'tar', 'gzip']) {
    execFileSync('ln', ['-sf', execFileSync('which', [tool], { encoding: 'utf8' }).trim(), join(bin, tool)]);
  }
  return bin;
}

const envOf = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  PATH: bareTools(),
  UNDERSTUDY_CACHE: join(folder, 'cache'),
  ...more,
});

async function nowhere(): Promise<ReleaseUrls> {
  const [port = 0] = await freePorts(1);
  return {
    archive: () => `http://127.0.0.1:${port}/archive`,
    checksums: () => `http://127.0.0.1:${port}/sums`,
    hosts: [],
  };
}

async function serveRelease(sumOf: (archive: Buffer) => string): Promise<ReleaseUrls> {
  return await serve({ list: (archive, name) => `${sumOf(archive)}  ${name}\n` });
}

const sha256 = (archive: Buffer): string => createHash('sha256').update(archive).digest('hex');

describe('places, in order', () => {
  test('the binary that TEMPORAL_CLI_PATH names comes first', async () => {
    const path = fakeCli(join(folder, 'named'));
    fakeCli(join(folder, 'cache', `temporal-${TEMPORAL_CLI_VERSION}`));
    expect(await findTemporalBinary({ env: envOf({ TEMPORAL_CLI_PATH: path }), onLine })).toEqual({
      path,
      source: 'TEMPORAL_CLI_PATH',
      serverVersion: '1.31.2',
    });
  });

  test('a named binary that cannot be used is an error, not a reason to take another one', async () => {
    fakeCli(join(folder, 'cache', `temporal-${TEMPORAL_CLI_VERSION}`));
    const env = envOf({ TEMPORAL_CLI_PATH: fakeCli(join(folder, 'old'), '1.20.0') });
    await expect(findTemporalBinary({ env, onLine })).rejects.toMatchObject({
      code: 'temporal-missing',
      message: expect.stringContaining('holds server 1.20.0, at least 1.29.0 is needed'),
    });
  });

  test('then `temporal` on the PATH', async () => {
    const path = fakeCli(join(bareTools(), 'temporal'));
    expect(await findTemporalBinary({ env: envOf(), onLine })).toMatchObject({ path, source: 'PATH' });
  });

  test('an old one on the PATH is passed over for the cache', async () => {
    fakeCli(join(bareTools(), 'temporal'), '1.28.3');
    const path = fakeCli(join(folder, 'cache', `temporal-${TEMPORAL_CLI_VERSION}`));
    expect(await findTemporalBinary({ env: envOf(), onLine })).toMatchObject({ path, source: 'cache' });
  });
});

describe('the download', () => {
  test('is checked, unpacked and kept in the cache', async () => {
    const releases = await serveRelease(sha256);
    const path = join(folder, 'cache', `temporal-${TEMPORAL_CLI_VERSION}`);
    expect(await findTemporalBinary({ env: envOf(), onLine, releases })).toEqual({
      path,
      source: 'download',
      serverVersion: '1.31.9',
    });
    expect(await findTemporalBinary({ env: envOf(), onLine, releases })).toMatchObject({ source: 'cache' });
    expect(readdirSync(join(folder, 'cache'))).toEqual([`temporal-${TEMPORAL_CLI_VERSION}`]);
  });

  test('with a wrong checksum is thrown away, and the error says so', async () => {
    const releases = await serveRelease(() => '0'.repeat(64));
    await expect(findTemporalBinary({ env: envOf(), onLine, releases })).rejects.toMatchObject({
      code: 'temporal-missing',
      message: expect.stringContaining('wrong checksum'),
    });
    expect(existsSync(join(folder, 'cache', `temporal-${TEMPORAL_CLI_VERSION}`))).toBe(false);
  });

  test('is done once when two look at the same time', async () => {
    const releases = await serveRelease(sha256);
    const found = await Promise.all(
      [1, 2].map(async () => await findTemporalBinary({ env: envOf(), onLine, releases })),
    );
    expect(found.map(({ source }) => source).sort()).toEqual(['cache', 'download']);
    expect(lines.filter((line) => line.startsWith('downloading'))).toHaveLength(1);
  });
});

/** A release whose archive and list are what a test says; each may be sent on to somewhere else first. */
interface Served {
  readonly archive?: Buffer;
  readonly list?: (archive: Buffer, name: string) => string | null;
  readonly sendOn?: (path: string) => string | null;
}

async function serve({ archive = packed(['temporal']), list, sendOn }: Served): Promise<ReleaseUrls> {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const name = `temporal_cli_${TEMPORAL_CLI_VERSION}_${process.platform}_${arch}.tar.gz`;
  const server = createServer((req, res) => {
    const elsewhere = sendOn?.(req.url ?? '') ?? null;
    if (elsewhere !== null) return void res.writeHead(302, { location: elsewhere }).end();
    if (req.url === '/archive') return void res.end(archive);
    const text = list === undefined ? `${sha256(archive)}  ${name}\n` : list(archive, name);
    return void (text === null ? res.writeHead(404).end() : res.end(text));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  release = server;
  const { port } = server.address() as { port: number };
  const origin = `http://127.0.0.1:${port}`;
  return { archive: () => `${origin}/archive`, checksums: () => `${origin}/sums`, hosts: [] };
}

/** A tar of files and links as they are, odd paths included. */
function packed(members: readonly string[], ...options: readonly string[]): Buffer {
  fakeCli(join(folder, 'release', 'temporal'), '1.31.9');
  execFileSync('tar', ['-czPf', join(folder, 'odd.tgz'), ...options, '-C', join(folder, 'release'), ...members]);
  return readFileSync(join(folder, 'odd.tgz'));
}

const kept = (): boolean => existsSync(join(folder, 'cache', `temporal-${TEMPORAL_CLI_VERSION}`));

describe('a download is thrown away, and Go is next,', () => {
  const hex = 'a'.repeat(64);
  test.each<[string, Served, RegExp]>([
    ['when its list cannot be had', { list: () => null }, /checksum cannot be had: .*HTTP 404/],
    ['when the list does not name it', { list: (a) => `${sha256(a)}  other.tar.gz\n` }, /names no checksum of/],
    ['when the list is empty', { list: () => '' }, /names no checksum of/],
    ['when the list is a page', { list: (_a, name) => `<html>${name}</html>` }, /names no checksum of/],
    ['when only a longer name ends like it', { list: (a, name) => `${sha256(a)}  x${name}\n` }, /names no checksum/],
    ['when the list says two things', { list: (a, n) => `${sha256(a)}  ${n}\n${hex}  ${n}\n` }, /names no checksum/],
    ['when what stands there is no checksum', { list: (_a, name) => `abc  ${name}\n` }, /names no checksum/],
    ['when the checksum is another one', { list: (_a, name) => `${hex}  ${name}\n` }, /wrong checksum/],
    ['when the list is endless', { list: () => 'x'.repeat(200_000) }, /larger than/],
    [
      'when the list is sent on to a stranger',
      { sendOn: (p) => (p === '/sums' ? 'http://127.0.0.1:1/' : null) },
      /sent on to 127.0.0.1:1/,
    ],
    [
      'when the archive is sent on without TLS',
      { sendOn: (p) => (p === '/archive' ? 'ftp://127.0.0.1/' : null) },
      /without TLS/,
    ],
    ['when it is sent in a circle', { sendOn: (p) => p }, /redirects/],
  ])('%s', async (_name, served, why) => {
    const failure = findTemporalBinary({ env: envOf(), onLine, releases: await serve(served) });
    await expect(failure).rejects.toMatchObject({ code: 'temporal-missing', message: expect.stringMatching(why) });
    await expect(failure).rejects.toMatchObject({ message: expect.stringContaining('build: Go is not there') });
    expect(kept()).toBe(false);
    expect(readdirSync(join(folder, 'cache'))).toEqual([]);
  });

  test('when what it calls the program is a link', async () => {
    mkdirSync(join(folder, 'release'), { recursive: true });
    execFileSync('ln', ['-s', '/bin/sh', join(folder, 'release', 'link')]);
    const archive = packed(['link'], '--transform=s,^link$,temporal,');
    const failure = findTemporalBinary({ env: envOf(), onLine, releases: await serve({ archive }) });
    await expect(failure).rejects.toMatchObject({ message: expect.stringContaining('cannot be used') });
    expect(kept()).toBe(false);
  });
});

test('of an archive only the program is taken: other members and their paths touch no file', async () => {
  mkdirSync(join(folder, 'release'), { recursive: true });
  writeFileSync(join(folder, 'release', 'evil'), 'evil');
  const archive = packed(['temporal', 'evil'], `--transform=s,^evil$,${join(folder, 'escaped')},`);
  const found = await findTemporalBinary({ env: envOf(), onLine, releases: await serve({ archive }) });
  expect(found).toMatchObject({ source: 'download', serverVersion: '1.31.9' });
  expect(existsSync(join(folder, 'escaped'))).toBe(false);
  expect(readdirSync(join(folder, 'cache'))).toEqual([`temporal-${TEMPORAL_CLI_VERSION}`]);
});

test('without network and without Go the error names every place and every way out, within seconds', async () => {
  const startedAt = Date.now();
  const failure = findTemporalBinary({ env: envOf(), onLine, releases: await nowhere() });
  await expect(failure).rejects.toMatchObject({ code: 'temporal-missing' });
  const { message } = (await failure.catch((error: unknown) => error)) as Error;
  for (const part of [
    'TEMPORAL_CLI_PATH: not set',
    'PATH: no `temporal`',
    'cache: no ',
    'download: ',
    'ECONNREFUSED',
    'Go is not there',
  ]) {
    expect(message).toContain(part);
  }
  for (const wayOut of ['TEMPORAL_ADDRESS', 'https://docs.temporal.io/cli', 'https://go.dev/dl'])
    expect(message).toContain(wayOut);
  expect(Date.now() - startedAt).toBeLessThan(5_000);
});

test('the cache is where the user or XDG says', () => {
  expect(cacheFolder({ UNDERSTUDY_CACHE: '/c', XDG_CACHE_HOME: '/x' })).toBe('/c');
  expect(cacheFolder({ XDG_CACHE_HOME: '/x' })).toBe('/x/understudy');
  expect(cacheFolder({})).toMatch(/\/\.cache\/understudy$/);
});

test.each([
  ['temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)', '1.29.1'],
  ['temporal version 0.0.0-DEV (Server 1.31.2, UI 2.50.1)', '1.31.2'],
  ['tctl version 1.18', null],
])('the server version in "%s" is %s', (output, version) => expect(parseServerVersion(output)).toBe(version));

test.each([
  ['1.28.9', false],
  ['1.29.0', true],
  ['1.31.2', true],
  ['2.0.0', true],
  ['0.99.99', false],
])('server %s is new enough: %s', (version, enough) => expect(isNewEnough(version)).toBe(enough));

test('our Go module builds the version that is downloaded elsewhere', () => {
  const module = readFileSync(new URL('../../tools/temporal/go.mod', import.meta.url), 'utf8');
  expect(module).toContain(`github.com/temporalio/cli v${TEMPORAL_CLI_VERSION} `);
});
