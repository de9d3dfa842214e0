/**
 * One turn of a conversation in the Responses API: what a request says about it, what its cluster is asked in its place,
 * and what is kept of the answer. A kept turn holds the whole conversation so far, so that any cluster can go on with it
 * and no turn needs an older one.
 */
import type { Fields } from '../outside.js';

/** An item of a conversation as the API has it; not looked into. */
export type Item = unknown;

export type AskedTurn =
  | {
      readonly kind: 'turn';
      /** Answer that this turn follows; `null`: the first one. */
      readonly previousId: string | null;
      /** What this turn adds. */
      readonly input: readonly Item[];
      /** The caller may want to go on from the answer. */
      readonly keeps: boolean;
    }
  | { readonly kind: 'refused'; readonly param: string; readonly message: string };

export interface KeptTurn {
  readonly kind: 'kept';
  /** Everything that was said before the answer. */
  readonly input: readonly Item[];
  /** The answer, as its caller got it. */
  readonly response: Fields;
  /** What keeps the conversation on its cluster. */
  readonly affinity: string | null;
}

/** In place of a conversation that grew beyond what is kept: its caller is told so, instead of "not found". */
export interface TurnTooLarge {
  readonly kind: 'too-large';
}

/** Longer ids were never seen; each becomes a part of a key. */
const ID_PATTERN = /^[\w.:-]{1,200}$/;

/** The states in which an answer is whole, though perhaps shorter than it could be. */
const WHOLE: ReadonlySet<unknown> = new Set(['completed', 'incomplete']);

export function isTurnId(id: unknown): id is string {
  return typeof id === 'string' && ID_PATTERN.test(id);
}

/** What the body of `POST /v1/responses` says about its conversation. */
export function askedTurn(body: Fields): AskedTurn {
  const { previous_response_id: previous = null, conversation = null, background, store, input } = body;
  if (conversation !== null) {
    return refused('conversation', 'conversation objects are not kept here; go on with previous_response_id');
  }
  if (background === true) {
    return refused('background', 'an answer in the background would live and die with one cluster; stream it instead');
  }
  if (previous !== null && typeof previous !== 'string') {
    return refused('previous_response_id', 'previous_response_id must be a text');
  }
  const items = itemsOf(input);
  if (items === null && previous !== null) return refused('input', 'input must be a text or a list of items');
  // Without a readable input the cluster says what is wrong with it, and there is nothing to keep.
  return { kind: 'turn', previousId: previous, input: items ?? [], keeps: store !== false && items !== null };
}

/** The request that says all by itself: the conversation so far in front of what is new. Instructions are not inherited. */
export function statelessBody(body: Fields, earlier: readonly Item[], input: readonly Item[]): Fields {
  const rest = Object.entries(body).filter(([key]) => key !== 'previous_response_id');
  return { ...Object.fromEntries(rest), input: [...earlier, ...input] };
}

/** The conversation after a kept turn. */
export function conversationAfter({ input, response }: KeptTurn): readonly Item[] {
  return [...input, ...(response['output'] as readonly Item[])];
}

/** The answer's id, when it is one from which a conversation can go on; else `null`. */
export function keepableId(response: Fields): string | null {
  const { id, status, output } = response;
  return isTurnId(id) && WHOLE.has(status) && Array.isArray(output) ? id : null;
}

function itemsOf(input: unknown): readonly Item[] | null {
  if (typeof input === 'string') return [{ type: 'message', role: 'user', content: input }];
  if (Array.isArray(input)) return input as readonly Item[];
  return input === undefined ? [] : null;
}

function refused(param: string, message: string): AskedTurn {
  return { kind: 'refused', param, message };
}
