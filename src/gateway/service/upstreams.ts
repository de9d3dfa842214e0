/** Connections to clusters: one pool an origin, shared by services, closed when no service names it any more. */
import { Pool } from 'undici';
import { Load } from './load.js';

/** More than one machine's clusters can batch; a queue inside the pool would hide that a cluster is full. */
const CONNECTIONS_MAX = 8_192;

/** uvicorn closes an idle connection after 5 s without saying so beforehand: stay below, or requests meet a reset. */
const IDLE_CONNECTION_MS = 4_000;

export interface Upstream {
  readonly pool: Pool;
  /** Path before the API's own, without a slash at its end. */
  readonly prefix: string;
  readonly load: Load;
}

export class Upstreams {
  readonly #pools = new Map<string, Pool>();
  /** By base URL. */
  readonly #loads = new Map<string, Load>();
  readonly #connectTimeoutMs: number;

  constructor(connectTimeoutMs: number) {
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  /** The pool of a cluster's base URL. The gateway's own clocks run per attempt, so the pool's are off. */
  of(url: string): Upstream {
    const { origin, pathname } = new URL(url);
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      pool = new Pool(origin, {
        connections: CONNECTIONS_MAX,
        connectTimeout: this.#connectTimeoutMs,
        keepAliveTimeout: IDLE_CONNECTION_MS,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      this.#pools.set(origin, pool);
    }
    const load = this.#loads.get(url) ?? new Load();
    this.#loads.set(url, load);
    return { pool, prefix: pathname.replace(/\/+$/, ''), load };
  }

  /** Close the pools of all other URLs; what runs there ends by itself. */
  keepOnly(urls: readonly string[]): void {
    for (const url of this.#loads.keys()) if (!urls.includes(url)) this.#loads.delete(url);
    const wanted = new Set(urls.map((url) => new URL(url).origin));
    for (const [origin, pool] of this.#pools) {
      if (wanted.has(origin)) continue;
      this.#pools.delete(origin);
      // A pool that is already gone has nothing left to close.
      pool.close().catch(() => undefined);
    }
  }

  async destroy(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map(async (pool) => await pool.destroy()));
  }
}
