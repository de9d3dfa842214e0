import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { claimFolder, readOwnFile, tooWide } from '../../src/config/own-files.js';

const STRANGER = 12_345;
/** Only root can make files that are somebody else's. */
const asRoot = process.getuid?.() === 0;
const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

let top: string;
let dir: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'understudy-own-'));
  dir = join(top, 'data');
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

function folderOf(mode: number, files: Readonly<Record<string, number>> = {}): void {
  mkdirSync(dir);
  for (const [name, fileMode] of Object.entries(files)) {
    mkdirSync(join(dir, name, '..'), { recursive: true });
    writeFileSync(join(dir, name), 'text');
    chmodSync(join(dir, name), fileMode);
  }
  chmodSync(dir, mode);
}

describe('a data directory', () => {
  test('that is made is its user’s alone', () => {
    const umask = process.umask(0);
    claimFolder(join(dir, 'below'));
    process.umask(umask);
    expect([modeOf(dir), modeOf(join(dir, 'below'))]).toEqual(['700', '700']);
  });

  test.each([0o755, 0o775, 0o777])('of an earlier version is narrowed, with its files: %o', (mode) => {
    folderOf(mode, {
      'temporal.db': 0o644,
      'instance.json': 0o666,
      'simulated.yaml': 0o644,
      'logs/gateway.log': 0o644,
    });
    expect(tooWide(dir)).toHaveLength(4);
    claimFolder(dir);
    expect(modeOf(dir)).toBe('700');
    for (const name of ['temporal.db', 'instance.json', 'simulated.yaml', 'logs/gateway.log'])
      expect(modeOf(join(dir, name))).toBe('600');
    expect(tooWide(dir)).toEqual([]);
  });

  test('with other things in it is left as it is', () => {
    folderOf(0o755, { 'thesis.txt': 0o644 });
    claimFolder(dir);
    expect([modeOf(dir), modeOf(join(dir, 'thesis.txt'))]).toEqual(['755', '644']);
    expect(tooWide(dir)).toEqual([dir]);
  });

  test.each<[string, number]>([
    ['everybody', 0o777],
    ['everybody, as /tmp', 0o1777],
    ['a group', 0o775],
  ])('in which %s can write is refused where it cannot be narrowed', (_, mode) => {
    folderOf(mode, { 'thesis.txt': 0o644 });
    expect(() => claimFolder(dir)).toThrow(/others can write to it/u);
    expect(modeOf(dir)).toBe(mode.toString(8));
  });

  test('an empty one like /tmp is not narrowed but refused', () => {
    folderOf(0o1777);
    expect(() => claimFolder(dir)).toThrow(expect.objectContaining({ code: 'foreign-file' }));
    expect(modeOf(dir)).toBe('1777');
  });

  test.runIf(asRoot)('of somebody else is refused', () => {
    folderOf(0o700);
    chownSync(dir, STRANGER, STRANGER);
    expect(() => claimFolder(dir)).toThrow(expect.objectContaining({ code: 'foreign-file' }));
    expect(lstatSync(dir).uid).toBe(STRANGER);
  });
});

describe('a file that names addresses', () => {
  const read = (): string => readOwnFile(join(dir, 'instance.json'));

  test('is believed when it and its directory are its user’s', () => {
    folderOf(0o755, { 'instance.json': 0o644 });
    expect(read()).toBe('text');
  });

  test.each<[string, number, number]>([
    ['it can be written by everybody', 0o700, 0o602],
    ['it can be written by a group', 0o700, 0o620],
    ['its directory can be written by everybody', 0o777, 0o600],
    ['its directory can be written by a group', 0o770, 0o600],
    ['its directory is as /tmp', 0o1777, 0o600],
  ])('is not when %s', (_, folder, file) => {
    folderOf(folder, { 'instance.json': file });
    expect(read).toThrow(expect.objectContaining({ code: 'foreign-file' }));
  });

  test.runIf(asRoot).each(['instance.json', '.'])('is not when %s belongs to somebody else', (name) => {
    folderOf(0o755, { 'instance.json': 0o644 });
    chownSync(join(dir, name), STRANGER, STRANGER);
    expect(read).toThrow(
      expect.objectContaining({ code: 'foreign-file', message: expect.stringContaining(`user ${STRANGER}`) }),
    );
    expect(readFileSync(join(dir, 'instance.json'), 'utf8')).toBe('text');
  });
});
