/** What an exchange is asked to do. */
import type { ServerResponse } from 'node:http';
import type { Priority } from '../../domain/admission/priority.js';
import type { GatewaySettings } from '../../domain/fleet.js';
import type { Account } from '../account/account.js';
import type { Transcript } from '../continuation/transcript.js';
import type { AnswerKeeper } from '../conversations/answer-keeper.js';
import type { RequestMemory } from '../held-memory.js';
import type { Service } from '../service/service.js';
import type { Forwarded } from './attempt-order.js';
import type { Roll } from '../roll.js';
import type { Endable } from './untimely-end.js';

export interface ExchangeOrder {
  readonly service: Service;
  readonly request: Forwarded;
  /** `null`: nobody wants one. */
  readonly account: Account | null;
  /** The request's body as a cluster wants it, which may know the model by another name. */
  readonly bodyFor: (model: string) => Buffer | null;
  /** What keeps a conversation on its cluster; `null` when there is nothing. */
  readonly key: string | null;
  readonly priority: Priority;
  /** Name of the caller's key; `null`: callers need none. */
  readonly owner: string | null;
  readonly res: ServerResponse;
  /** Where its end is found by a gateway that must close now. */
  readonly running: Roll<Endable>;
  /** Where what is kept of its answer counts. */
  readonly memory: Pick<RequestMemory, 'take'>;
  readonly limits: Pick<GatewaySettings, 'firstByteTimeoutMs' | 'idleTimeoutMs' | 'totalTimeoutMs'>;
  /** Takes down what is said, so that others can go on; `null` for what is not a stream of choices. */
  readonly transcript: Transcript | null;
  /** Keeps the answer of a turn for the next one; `null` when there is no such turn. */
  readonly keeper: AnswerKeeper | null;
}
