/**
 * How many connections of callers one process has. When there are as many as may be, the one that has been idle for
 * longest makes room: whoever opens connections and asks nothing keeps nobody out. Where each has a request, a few more are
 * let in, for whoever looks after the process; what else comes on them is refused in words.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

/** For the own files, the admin side, and connections beyond the limit. */
const RESERVED_DESCRIPTORS = 64;
/** Connections beyond the limit, which may ask for health and nothing else. */
export const HEALTH_RESERVE = 16;
const CONNECTIONS_MIN = 16;
/** Where descriptors set no limit: some 10 KB of memory each. */
const CONNECTIONS_MAX = 65_536;
/** Where nobody says what the limit is. */
const DESCRIPTORS_UNKNOWN = 1_024;

/** A request may need a descriptor for its caller and one for its cluster. */
export function connectionsFor(descriptors: number): number {
  const each = Math.floor((descriptors - RESERVED_DESCRIPTORS) / 2);
  return Math.min(CONNECTIONS_MAX, Math.max(CONNECTIONS_MIN, each));
}

/** Of this process. */
export function descriptorLimit(): number {
  try {
    const limit = /^Max open files +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === 'unlimited' ? Infinity : Number(limit ?? DESCRIPTORS_UNKNOWN);
  } catch {
    return DESCRIPTORS_UNKNOWN; // no such page on this system
  }
}

interface Visitor {
  running: number;
  idleSinceMs: number;
  /** Came when there was no room. */
  isBeyond: boolean;
}

export class ConnectionLimit {
  readonly #max: number;
  readonly #visitors = new Map<Socket, Visitor>();

  constructor(max: number) {
    this.#max = max;
  }

  came(socket: Socket): void {
    if (this.#visitors.size >= this.#max) this.#makeRoom();
    if (this.#visitors.size >= this.#max + HEALTH_RESERVE) {
      socket.destroy();
      return;
    }
    const isBeyond = this.#visitors.size >= this.#max;
    this.#visitors.set(socket, { running: 0, idleSinceMs: performance.now(), isBeyond });
    socket.once('close', () => this.#visitors.delete(socket));
  }

  /** A request begins; false: it came beyond the limit, and there still is no room for it. */
  begins({ socket }: IncomingMessage, res: ServerResponse): boolean {
    const visitor = this.#visitors.get(socket);
    if (visitor === undefined) return true;
    visitor.running++;
    res.once('close', () => {
      visitor.running--;
      visitor.idleSinceMs = performance.now();
    });
    visitor.isBeyond &&= this.#visitors.size > this.#max;
    return !visitor.isBeyond;
  }

  #makeRoom(): void {
    let [longest, sinceMs]: [Socket | null, number] = [null, Infinity];
    for (const [socket, { running, idleSinceMs }] of this.#visitors) {
      if (running === 0 && idleSinceMs < sinceMs) [longest, sinceMs] = [socket, idleSinceMs];
    }
    if (longest === null) return;
    this.#visitors.delete(longest);
    longest.destroy();
  }
}
