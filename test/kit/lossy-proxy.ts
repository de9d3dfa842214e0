/** A wire to the traffic layer that can lose an answer after the deed was done, or refuse a deed. Real HTTP. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';

export interface Fate {
  readonly kind: 'lose' | 'refuse';
  readonly n: number;
  /** Only changes of this service count. */
  readonly service: string;
}

export interface LossyProxy {
  readonly url: string;
  /** From now on the `n`th change (0 first) meets this fate, once (`lose`) or as often as it is repeated (`refuse`). */
  arm(fate: Fate | null): void;
  /**
   * The `n`th change of this service (0 first) is cut off for its sender at once, and arrives only when `deliver` is
   * called: after its repetition, and all that the sender does then.
   * @returns delivers it; answers with the layer's status, `null` when there was no such change
   */
  hold(service: string, n: number): () => Promise<number | null>;
  /**
   * From the first request of this service on of which `when` says so, none gets an answer. `request`: e.g.
   * `PUT /routes/chat`. Several services may be away at once.
   * @returns ends it
   */
  goAway(service: string, when: (request: string) => Promise<boolean> | boolean): () => void;
  /** Changes that went through since `arm`, e.g. `PUT /routes/chat`. */
  readonly changes: readonly string[];
  close(): Promise<void>;
}

export async function openLossyProxy(upstream: () => string): Promise<LossyProxy> {
  let fate: Fate | null = null;
  let changes: string[] = [];
  let refused = 0;
  const absences = new Map<
    string,
    { isAway: boolean; readonly when: (request: string) => Promise<boolean> | boolean }
  >();
  const isAway = async (said: string): Promise<boolean> => {
    const absence = absences.get(said.split('/').at(-1) ?? '');
    if (absence === undefined) return false;
    absence.isAway ||= await absence.when(said);
    return absence.isAway;
  };
  const held = heldChanges(upstream);
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      void (async () => {
        const url = req.url ?? '';
        if (held.hold(req.method ?? 'GET', url, Buffer.concat(chunks))) {
          res.destroy();
          return;
        }
        if (await isAway(`${req.method} ${url}`)) {
          res.destroy();
          return;
        }
        // Warming changes no traffic, and its failure stops nothing.
        const isChange = req.method !== 'GET' && !url.startsWith('/warm/') && url.endsWith(`/${fate?.service ?? ''}`);
        const n = changes.length + refused;
        if (isChange && fate?.kind === 'refuse' && n === fate.n) {
          refused += 1;
          res.writeHead(400, { 'content-type': 'application/json' });
          res.end(JSON.stringify({ code: 'bad-input', message: 'refused by the test' }));
          return;
        }
        const answer = await request(`${upstream()}${req.url ?? ''}`, {
          method: (req.method ?? 'GET') as 'GET',
          headers: { 'content-type': 'application/json' },
          body: chunks.length === 0 ? null : Buffer.concat(chunks),
        });
        const body = await answer.body.text();
        if (isChange) changes.push(`${req.method} ${req.url}`);
        if (isChange && fate?.kind === 'lose' && n === fate.n) {
          res.destroy();
          return;
        }
        res.writeHead(answer.statusCode, { 'content-type': 'application/json' });
        res.end(body);
      })().catch(() => res.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arm: (next) => {
      fate = next;
      changes = [];
      refused = 0;
    },
    hold: (service, n) => held.arm(service, n),
    goAway: (service, when) => {
      absences.set(service, { isAway: false, when });
      return () => void absences.delete(service);
    },
    get changes() {
      return changes;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface Held {
  readonly n: number;
  seen: number;
  late: { readonly method: string; readonly url: string; readonly body: Buffer } | null;
}

/** Changes that are on their way for long: one a service. */
function heldChanges(upstream: () => string) {
  const byService = new Map<string, Held>();
  return {
    arm: (service: string, n: number) => {
      const mine: Held = { n, seen: 0, late: null };
      byService.set(service, mine);
      return async (): Promise<number | null> => {
        if (mine.late === null) return null;
        const { method, url, body } = mine.late;
        const headers = { 'content-type': 'application/json' };
        const answer = await request(`${upstream()}${url}`, { method: method as 'PUT', headers, body });
        await answer.body.dump();
        return answer.statusCode;
      };
    },
    /** Whether this is the one. */
    hold: (method: string, url: string, body: Buffer): boolean => {
      const mine = byService.get(url.split('/').at(-1) ?? '');
      if (mine === undefined || method === 'GET' || url.startsWith('/warm/')) return false;
      const isIt = mine.seen++ === mine.n;
      if (isIt) mine.late = { method, url, body };
      return isIt;
    },
  };
}
