/** Whether ports can be had, and who has them otherwise. */
import { readFile, readdir, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { CodedError } from '../domain/errors.js';
import { commandOf } from './running.js';

export interface WantedPort {
  readonly port: number;
  /** e.g. `gateway` */
  readonly purpose: string;
}

const LOOPBACK = '127.0.0.1';

/** @throws CodedError `port-taken` naming every port that is taken, what for it was wanted and, where it can be seen, by whom. */
export async function requireFreePorts(wanted: readonly WantedPort[]): Promise<void> {
  const taken: string[] = [];
  for (const { port, purpose } of wanted) {
    if (await isFree(port)) continue;
    const owner = await portOwner(port);
    taken.push(
      `port ${port} (${purpose}) is in use${owner === null ? '' : ` by process ${owner.pid} (${owner.command})`}`,
    );
  }
  if (taken.length > 0) throw new CodedError('port-taken', taken);
}

/** Whether this process could listen on a loopback port now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** `count` different ports that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  // All are held until the last is known: otherwise the system may name the same one twice.
  const servers = await Promise.all(Array.from({ length: count }, listenAnywhere));
  const ports = servers.map(({ port }) => port);
  await Promise.all(servers.map(({ close }) => close()));
  return ports;
}

function listenAnywhere(): Promise<{ readonly port: number; close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port: 0, host: LOOPBACK }, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      resolve({ port, close: () => new Promise((closed) => server.close(() => closed())) });
    });
  });
}

const LISTENING = '0A';
const COMMAND_CHARS_MAX = 120;

/** The listener of a port, as far as `/proc` shows it to us; `null` elsewhere and for other users' processes. */
export async function portOwner(port: number): Promise<{ readonly pid: number; readonly command: string } | null> {
  try {
    const inodes = new Set([
      ...(await listeningInodes('/proc/net/tcp', port)),
      ...(await listeningInodes('/proc/net/tcp6', port)),
    ]);
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      if (await holdsSocket(pid, inodes))
        return { pid: Number(pid), command: (await commandOf(Number(pid))).slice(0, COMMAND_CHARS_MAX) };
    }
  } catch {
    // No /proc here.
  }
  return null;
}

async function listeningInodes(table: string, port: number): Promise<readonly string[]> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = (await readFile(table, 'utf8')).split('\n').slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((cells) => cells[3] === LISTENING && cells[1]?.endsWith(`:${wanted}`))
    .map((cells) => cells[9] ?? '');
}

async function holdsSocket(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  try {
    const open = await readdir(`/proc/${pid}/fd`);
    const links = await Promise.all(open.map(async (fd) => await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    return links.some((link) => inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? ''));
  } catch {
    return false; // ended meanwhile, or not ours to look at
  }
}
