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
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      void (async () => {
        const url = req.url ?? '';
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
