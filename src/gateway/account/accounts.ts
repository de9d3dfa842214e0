/** Who wants to know of every request: an account of each is made, and written or sent when the request is over. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewaySettings } from '../../domain/fleet.js';
import { jsonLine } from '../../domain/printable.js';
import type { ServiceDeps } from '../service/service.js';
import type { WatchedResponse } from '../watched-response.js';
import { Account } from './account.js';
import { LineWriter } from './line-writer.js';
import { openTracing, wantsTraces } from './tracing.js';

/** Accounts close with their connections, which are closed before; this bounds a fault of ours. */
const LAST_ACCOUNTS_MS_MAX = 1_000;

export interface AccountsOptions {
  readonly accessLog: GatewaySettings['accessLog'];
  readonly clock: () => number;
  readonly tell: ServiceDeps['tell'];
}

export interface Accounts {
  /**
   * Serves a request, and writes its account when both the answer and its connection are through with it. Rejects as the
   * answer does.
   */
  serve(req: IncomingMessage, res: WatchedResponse, answer: (account: Account | null) => Promise<void>): Promise<void>;
  /** Writes and sends what is left, for a bounded time. */
  close(): Promise<void>;
}

/** `null`: nobody wants to know. @throws CodedError `bad-config` when the log's file cannot be opened */
export async function openAccounts({ accessLog = 'off', clock, tell }: AccountsOptions): Promise<Accounts | null> {
  const log = accessLog === 'off' ? null : await LineWriter.open(accessLog, tell);
  const tracing = wantsTraces(process.env) ? await openTracing(tell) : null;
  if (log === null && tracing === null) return null;
  let open = 0;
  let lastClosed: (() => void) | null = null;
  return {
    serve(req, res, answer) {
      if (req.url === '/healthz' || req.url === '/readyz') return answer(null);
      open++;
      const account = new Account(req, res, { clockMs: clock(), trace: tracing?.begin(req) ?? null });
      let left = 2;
      const through = (): void => {
        if (--left > 0) return;
        const record = account.close();
        log?.write(jsonLine(record));
        if (--open === 0) lastClosed?.();
      };
      res.once('close', through);
      try {
        return answer(account).finally(through);
      } catch (error) {
        through();
        throw error;
      }
    },
    async close() {
      // The server is through with its connections a little before their requests hear of it.
      const allClosed = new Promise<void>((resolve) => (lastClosed = resolve));
      if (open > 0) await Promise.race([allClosed, sleep(LAST_ACCOUNTS_MS_MAX)]);
      await Promise.all([log?.close(), tracing?.close()]);
    },
  };
}
