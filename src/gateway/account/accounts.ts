/** Who wants to know of every request: an account of each is made, and written when the request is over. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GatewaySettings } from '../../domain/fleet.js';
import type { ServiceDeps } from '../service.js';
import { Account } from './account.js';
import { LineWriter } from './line-writer.js';

export interface AccountsOptions {
  readonly accessLog: GatewaySettings['accessLog'];
  readonly clock: () => number;
  readonly tell: ServiceDeps['tell'];
}

export interface Accounts {
  /** Serves a request, and writes its account when both the answer and its connection are through with it. */
  serve(req: IncomingMessage, res: ServerResponse, answer: (account: Account | null) => Promise<void>): Promise<void>;
  /** Writes what is left, for a bounded time. */
  close(): Promise<void>;
}

/** `null`: nobody wants to know. @throws system errors of the log's file */
export async function openAccounts({ accessLog = 'off', clock, tell }: AccountsOptions): Promise<Accounts | null> {
  if (accessLog === 'off') return null;
  const log = await LineWriter.open(accessLog, tell);
  return {
    async serve(req, res, answer) {
      if (req.url === '/healthz' || req.url === '/readyz') {
        await answer(null);
        return;
      }
      const account = new Account(req, res, clock());
      const closed = new Promise<void>((resolve) => void res.once('close', resolve));
      await answer(account);
      await closed;
      log.write(JSON.stringify(account.record()));
    },
    close: async () => await log.close(),
  };
}
