/**
 * What a process keeps whole of requests and answers that are under way, in bytes: bodies, which may have to be sent again,
 * and answers before their first byte. Each is bounded by itself; many callers together would fill the memory all the same.
 */
import type { ServerResponse } from 'node:http';
import { totalmem } from 'node:os';
import { FairRoom } from './fair-room.js';

/** Where nobody says how much: of the memory that this process may have. */
const SHARE_OF_MEMORY = 1 / 4;
/** More than that no number of requests needs that one process can serve. */
const DEFAULT_BYTES_MAX = 2 * 1024 ** 3;

/** `workers`: processes that share the memory. */
export function heldBytesDefault(bodyBytesMax: number, workers: number): number {
  const limit = process.constrainedMemory();
  // Without a limit older kernels say a number beyond all memory.
  const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const share = Math.floor((memory * SHARE_OF_MEMORY) / workers);
  return Math.max(2 * bodyBytesMax, Math.min(DEFAULT_BYTES_MAX, share));
}

export class HeldMemory {
  readonly #room: FairRoom;

  constructor(bytesMax: number) {
    this.#room = new FairRoom(bytesMax);
  }

  get bytes(): number {
    return this.#room.total;
  }

  /** For one request, until its answer is through. `owner`: who may not take more than is free; `null`: nobody. */
  of(owner: string | null, res: ServerResponse): RequestMemory {
    return new RequestMemory(this.#room, owner, res);
  }
}

export class RequestMemory {
  readonly #room: FairRoom;
  readonly #owner: string | null;
  readonly #res: ServerResponse;
  #bytes = 0;
  #isWatched = false;

  constructor(room: FairRoom, owner: string | null, res: ServerResponse) {
    this.#room = room;
    this.#owner = owner;
    this.#res = res;
  }

  /** Without taking any. */
  has(bytes: number): boolean {
    return this.#room.has(this.#owner, bytes);
  }

  /** False: there is no room for so many more. What is taken is given back when the answer is through. */
  take(bytes: number): boolean {
    if (this.#res.closed || bytes === 0) return true; // nobody would give it back
    if (!this.has(bytes)) return false;
    if (!this.#isWatched) this.#res.once('close', () => this.letGo());
    this.#isWatched = true;
    this.#room.take(this.#owner, bytes);
    this.#bytes += bytes;
    return true;
  }

  /** What was kept is dropped: others may have its room at once. */
  letGo(): void {
    this.#room.giveBack(this.#owner, this.#bytes);
    this.#bytes = 0;
  }
}
