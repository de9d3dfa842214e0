/**
 * What a caller has been told by a stream so far, over all the clusters that had a part in it, and how another one can go
 * on from there. It belongs to one request; the decisions behind it are in domain/continuation.
 */
import type { CannotContinue } from '../../domain/continuation/cannot-continue.js';
import {
  continuedRequest,
  engineContinues,
  forbiddenByRequest,
  tokensMatter,
  type ChoicesApi,
  type ContinuedRequest,
  type SaidSoFar,
} from '../../domain/continuation/continued-request.js';
import type { Frame } from '../../domain/continuation/splice-frame.js';
import type { ClusterName } from '../../domain/words.js';
import { dialectOf } from '../../engines/registry.js';
import { parseObject } from '../json-object.js';
import { Said } from './said.js';
import type { Member } from '../service/member.js';
import { DONE_FRAME, Splice } from './splice.js';

/** What matters of a cluster that says a part of an answer. */
export type Speaker = Pick<Member, 'name' | 'model' | 'engine'>;

/** A stream that breaks more often than this has a cause that another cluster does not cure. */
export const CONTINUATIONS_MAX = 3;

/** A lone half of a character, or what an engine writes in its place. */
const PARTIAL_CHARACTER = /[\ud800-\udbff\ufffd]$/;

export interface TranscriptOrder {
  readonly api: ChoicesApi;
  /** The caller's own request. */
  readonly body: Buffer;
  /** The same, parsed; looked at once and not kept. */
  readonly parsed: unknown;
  /** The request's model is a name for whatever model a cluster serves. */
  readonly translates: boolean;
}

export class Transcript {
  readonly #api: ChoicesApi;
  readonly #body: Buffer;
  readonly #translates: boolean;
  #refusal: CannotContinue | null;
  #said: Said | null = null;
  #text = '';
  #tokens = 0;
  /** Nobody has counted them exactly, and it matters. */
  #isUncounted = false;
  readonly #tokensMatter: boolean;
  #promptTokens: number | null = null;
  #identity: Frame | null = null;
  /** Model id of the cluster that began, once it has broken off. */
  #model: string | null = null;
  readonly #speakers: ClusterName[] = [];

  constructor(order: TranscriptOrder) {
    this.#api = order.api;
    this.#body = order.body;
    this.#translates = order.translates;
    this.#refusal = forbiddenByRequest(order.api, order.parsed);
    this.#tokensMatter = tokensMatter(order.parsed);
  }

  /** The caller has been told something by a cluster that then broke off. */
  get begun(): boolean {
    return this.#speakers.length > 0;
  }

  /** Takes down what the next attempt says; `null` when nothing could be done with it. */
  listen(): Said | null {
    this.#said = this.#refusal === null ? new Said() : null;
    return this.#said;
  }

  /** The attempt that was listened to broke off after the caller had heard of it. */
  broke(speaker: Speaker): void {
    const said = this.#said;
    this.#said = null;
    this.#speakers.push(speaker.name);
    this.#model ??= speaker.model;
    if (said !== null) this.#takeDown(said);
    if (this.#speakers.length > CONTINUATIONS_MAX) this.#refusal ??= 'too-many-breaks';
  }

  /** Why nobody can go on from what was said by now; `null` when somebody could. */
  get refusal(): CannotContinue | null {
    return this.#refusal ?? this.#said?.refusal ?? null;
  }

  /** Why this cluster cannot go on with what `from` began; `null` when it can. */
  obstacle(speaker: Speaker, from: Speaker): CannotContinue | null {
    if (speaker.model !== (this.#model ?? from.model)) return 'other-model';
    if (this.#text === '' && this.#said === null) return null;
    return engineContinues(this.#api, dialectOf(speaker.engine).continuation) ? null : 'engine-cannot';
  }

  /** What was said, if it matters how many tokens that were and a lower bound is all that is known. */
  get uncounted(): string | null {
    return this.#isUncounted && this.#text !== '' ? this.#text : null;
  }

  /** Tokens of all that was said, as an engine counts them; true when that is more than was known. */
  counted(tokens: number): boolean {
    this.#isUncounted = false;
    const isMore = tokens > this.#tokens;
    if (isMore) this.#tokens = tokens;
    return isMore;
  }

  /** The request for the rest. */
  requestFor(speaker: Speaker): ContinuedRequest {
    const said: SaidSoFar = { text: this.#text, tokens: this.#tokens };
    const { continuation } = dialectOf(speaker.engine);
    const request = continuedRequest(this.#api, parseObject(this.#body.toString('utf8')), said, continuation);
    if (request.kind !== 'ask' || !this.#translates) return request;
    return { kind: 'ask', body: { ...request.body, model: speaker.model } };
  }

  /** What joins the rest to what was said. */
  spliceTo(speaker: Speaker): Splice {
    const { length } = this.#speakers;
    const [first = ''] = this.#speakers;
    const others = [...this.#speakers.slice(1), speaker.name].join(',');
    const before = { identity: this.#identity ?? {}, tokens: this.#tokens, promptTokens: this.#promptTokens };
    return new Splice(before, `: understudy continued=${length} from=${first} to=${others}\n\n`);
  }

  #takeDown(said: Said): void {
    const text = said.refusal === null ? said.text() : null;
    if (text === null) {
      this.#refusal ??= said.refusal ?? 'unreadable';
      return;
    }
    // Later clusters count what was said as a part of the prompt.
    if (this.#text === '') this.#promptTokens = said.promptTokens;
    this.#identity ??= said.identity;
    this.#text += text;
    this.#tokens += said.tokens;
    this.#isUncounted ||= this.#tokensMatter && !said.isCounted;
    if (PARTIAL_CHARACTER.test(this.#text)) this.#refusal ??= 'partial-character';
  }

  /** The end of an answer that had reached its length when it broke off. */
  lengthEnd(): string {
    const said = this.#api === 'chat' ? { delta: {} } : { text: '' };
    const frame = { ...this.#identity, choices: [{ index: 0, ...said, finish_reason: 'length' }] };
    return `data: ${JSON.stringify(frame)}\n\n${DONE_FRAME}`;
  }
}
