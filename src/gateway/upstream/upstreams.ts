/** Connections to clusters, shared by the services that name the same origin, and closed when no service does any more. */
import { Load } from '../service/load.js';
import { Connections } from './connections.js';

/** More than one machine's clusters can batch: a queue for connections would hide that a cluster is full. */
const CONNECTIONS_MAX = 8_192;

export interface Upstream {
  /** The cluster's base URL. */
  readonly url: URL;
  readonly connections: Connections;
  /** Path before the API's own, without a slash at its end. */
  readonly prefix: string;
  readonly load: Load;
}

export class Upstreams {
  readonly #origins = new Map<string, Connections>();
  /** By base URL. */
  readonly #loads = new Map<string, Load>();
  readonly #connectTimeoutMs: number;

  constructor(connectTimeoutMs: number) {
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  /** Of a cluster's base URL. */
  of(url: string): Upstream {
    const base = new URL(url);
    const { origin, pathname } = base;
    const options = { connectTimeoutMs: this.#connectTimeoutMs, connectionsMax: CONNECTIONS_MAX };
    const connections = this.#origins.get(origin) ?? new Connections(origin, options);
    this.#origins.set(origin, connections);
    const load = this.#loads.get(url) ?? new Load();
    this.#loads.set(url, load);
    return { url: base, connections, prefix: pathname.replace(/(?<!\/)\/+$/, ''), load };
  }

  /** Close what leads to all other URLs; what runs there ends by itself. */
  keepOnly(urls: readonly string[]): void {
    for (const url of this.#loads.keys()) if (!urls.includes(url)) this.#loads.delete(url);
    const wanted = new Set(urls.map((url) => new URL(url).origin));
    for (const [origin, connections] of this.#origins) {
      if (wanted.has(origin)) continue;
      this.#origins.delete(origin);
      connections.close();
    }
  }

  destroy(): void {
    for (const connections of this.#origins.values()) connections.destroy();
    this.#origins.clear();
  }
}
