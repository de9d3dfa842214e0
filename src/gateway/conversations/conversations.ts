/**
 * The conversations of the Responses API, kept by the gateway so that no cluster has to: a turn is sent to whichever
 * cluster is next with everything that was said before, and its answer is kept for the turn after it.
 *
 * The store may be away. Then requests that bring all they need are served as ever; those that need it are told so.
 */
import { messageOf } from '../../domain/describe-error.js';
import {
  conversationAfter,
  isTurnId,
  keepableId,
  type AskedTurn,
  type Item,
  type KeptTurn,
  type TurnTooLarge,
} from '../../domain/conversation/turn.js';
import { CodedError } from '../../domain/errors.js';
import { DEPTH_MAX, isFields, parseFields } from '../../domain/outside.js';
import type { CallerError } from '../request/openai-error.js';
import type { ServiceDeps } from '../service/service.js';
import { FairRoom } from '../fair-room.js';
import type { ConversationStore } from './store.js';

/** A conversation that takes more is not kept: each of its turns would be read, sent and written as a whole. */
export const CONVERSATION_BYTES_MAX = 4 * 1024 * 1024;
/** How long a caller waits for the store, ms: an answer in the same network or on the same disk takes a few. */
const STORE_MS_MAX = 1_000;
/** Answers that may be on their way into the store at once; beyond that it is too slow for what comes. */
const KEEPING_MAX = 256;
/** Their texts, UTF-16 units: a store that takes nothing must not fill the process. */
const KEEPING_CHARS_MAX = 64 * 1024 * 1024;

/** Whose conversation: nobody else can read it. */
export interface Owner {
  readonly service: string;
  readonly caller: string;
}

export type Earlier =
  | { readonly kind: 'earlier'; readonly items: readonly Item[]; readonly affinity: string | null }
  | { readonly kind: 'refused'; readonly error: CallerError };

export interface Turn {
  readonly owner: Owner;
  readonly asked: Pick<Extract<AskedTurn, { kind: 'turn' }>, 'previousId' | 'keeps'>;
  /**
   * All items up to the answer, as JSON: parsed they would take many times the room for as long as the answer takes.
   * `null`: more than is kept.
   */
  readonly said: string | null;
  readonly affinity: string | null;
}

export class Conversations {
  readonly #store: ConversationStore;
  readonly #tell: ServiceDeps['tell'];
  readonly #keeping = new FairRoom(KEEPING_MAX);
  readonly #keepingChars = new FairRoom(KEEPING_CHARS_MAX);
  #failing = false;

  constructor(store: ConversationStore, tell: ServiceDeps['tell']) {
    this.#store = store;
    this.#tell = tell;
  }

  /** What was said up to and with the answer `id`. */
  async earlier(owner: Owner, id: string): Promise<Earlier> {
    try {
      const turn = await this.#read(owner, id);
      if (turn === null) return { kind: 'refused', error: notFound(id) };
      if (turn.kind === 'too-large') return { kind: 'refused', error: tooLarge(id) };
      return { kind: 'earlier', items: conversationAfter(turn), affinity: turn.affinity };
    } catch (error) {
      return { kind: 'refused', error: away(error) };
    }
  }

  /** The kept answer; `null` when there is none. @throws CodedError `conversations-unreachable` */
  async response(owner: Owner, id: string): Promise<KeptTurn['response'] | null> {
    const turn = await this.#read(owner, id);
    return turn?.kind === 'kept' ? turn.response : null;
  }

  /** @throws CodedError `conversations-unreachable` */
  async forget(owner: Owner, id: string): Promise<boolean> {
    return isTurnId(id) && (await inTime(this.#store.delete(keyOf(owner, id))));
  }

  /**
   * Keeps an answer. The promise settles when the next turn can be asked anywhere; it never rejects. `null`: there is
   * nothing to wait for.
   */
  keep(turn: Turn, response: KeptTurn['response']): Promise<void> | null {
    const id = keepableId(response);
    if (id === null || !turn.asked.keeps) return null;
    const { caller } = turn.owner;
    if (!this.#keeping.has(caller, 1) || !this.#keepingChars.has(caller, 1)) {
      this.#failed(new Error(`${this.#keeping.total} answers wait for the store`));
      return null;
    }
    const kept = this.#put(turn.owner, id, textOf(turn, response) ?? JSON.stringify({ kind: 'too-large' }));
    return this.#failing ? null : kept; // a store that is away has been waited for once
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  async #read({ service, caller }: Owner, id: string): Promise<KeptTurn | TurnTooLarge | null> {
    if (!isTurnId(id)) return null;
    const text = await inTime(this.#store.get(keyOf({ service, caller }, id)));
    return text === null ? null : readKept(text);
  }

  async #put(owner: Owner, id: string, text: string): Promise<void> {
    const { caller } = owner;
    this.#keeping.take(caller, 1);
    this.#keepingChars.take(caller, text.length);
    const put = this.#store.put(keyOf(owner, id), text);
    // Longer than anybody waits for it: until then the text is there.
    const through = (): void => {
      this.#keeping.giveBack(caller, 1);
      this.#keepingChars.giveBack(caller, text.length);
    };
    put.then(through, through);
    try {
      await inTime(put);
      if (this.#failing) this.#tell({ event: 'conversations-kept-again' });
      this.#failing = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    const message = 'CONVERSATIONS ARE NOT KEPT: callers get their answers, but cannot go on from them by id';
    this.#tell({
      event: 'conversations-not-kept',
      message,
      why: messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error),
    });
  }
}

/** What was said up to an answer, for as long as that takes. */
export function saidUpTo(
  earlier: readonly Item[],
  { input, keeps }: Extract<AskedTurn, { kind: 'turn' }>,
): string | null {
  if (!keeps) return null;
  const said = JSON.stringify([...earlier, ...input]);
  return Buffer.byteLength(said) <= CONVERSATION_BYTES_MAX ? said : null;
}

/** What is kept of a turn, as `readKept` reads it; `null`: it is more than that. */
function textOf({ said, affinity }: Turn, response: KeptTurn['response']): string | null {
  if (said === null) return null;
  const text = `{"kind":"kept","input":${said},"response":${JSON.stringify(response)},"affinity":${JSON.stringify(affinity)}}`;
  return Buffer.byteLength(text) <= CONVERSATION_BYTES_MAX ? text : null;
}

/** @throws CodedError `conversations-unreachable` for what was not written here */
function readKept(text: unknown): KeptTurn | TurnTooLarge {
  // What was kept is a request and an answer, each within its own limit, a few levels further in.
  const kept = typeof text === 'string' ? parseFields(text, { depthMax: DEPTH_MAX + KEPT_LEVELS }) : null;
  const { kind, input, response, affinity } = kept ?? {};
  if (kind === 'too-large') return { kind };
  const isWhole = kind === 'kept' && Array.isArray(input) && isFields(response) && Array.isArray(response['output']);
  if (isWhole && (affinity === null || typeof affinity === 'string')) return { kind, input, response, affinity };
  throw new CodedError('conversations-unreachable', 'the store holds something else in its place');
}

const KEPT_LEVELS = 4;

/** Names of services and ids have no slash, so no key can be two. */
const keyOf = ({ service, caller }: Owner, id: string): string => `${service}/${caller}/${id}`;

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new CodedError('conversations-unreachable', `the store gave no answer within ${STORE_MS_MAX} ms`);
    timer = setTimeout(() => reject(error), STORE_MS_MAX);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** As OpenAI answers; clients that then send everything know it by its code. */
const notFound = (id: string): CallerError => ({
  status: 400,
  type: 'invalid_request_error',
  code: 'previous_response_not_found',
  param: 'previous_response_id',
  message: `Previous response with id '${id.slice(0, 200)}' not found: it is not this caller's, was not stored, was deleted, or was kept for its time; send the whole conversation as input.`,
});

const tooLarge = (id: string): CallerError => ({
  status: 400,
  type: 'invalid_request_error',
  code: 'conversation-too-large',
  param: 'previous_response_id',
  message: `the conversation up to ${id} takes more than ${CONVERSATION_BYTES_MAX} bytes and is not kept; send what matters of it as input`,
});

export const away = (error: unknown): CallerError => ({
  status: 503,
  type: 'unavailable',
  code: 'conversations-unreachable',
  message: `the conversation cannot be read now: ${messageOf(error)}`,
  retryAfterS: 1,
});
