/**
 * What a caller has been told by a stream so far, over all the clusters that had a part in it, and how another one can go
 * on from there. It belongs to one request; the decisions behind it are in domain/continuation.
 */
import { ASKS_FOR_IDS, continuedByIds, idsCarry, limitsLength } from '../../domain/continuation/by-token-ids.js';
import type { CannotContinue } from '../../domain/continuation/cannot-continue.js';
import {
  continuedRequest,
  engineContinues,
  forbiddenByRequest,
  isAsked,
  tokensMatter,
  type ChoicesApi,
  type ContinuedRequest,
  type SaidSoFar,
} from '../../domain/continuation/continued-request.js';
import type { ContinueBy } from '../../domain/fleet.js';
import { type Fields, isFields, parseFields } from '../../domain/outside.js';
import type { Frame, SpokenBefore } from '../../domain/continuation/splice-frame.js';
import type { ClusterName } from '../../domain/words.js';
import { dialectOf } from '../../engines/registry.js';
import { IdsSoFar } from './ids-so-far.js';
import { SaidIds } from './said-ids.js';
import { Said } from './said.js';
import type { Member } from '../service/member.js';
import { DONE_FRAME, Splice } from './splice.js';

/** What matters of a cluster that says a part of an answer. */
export type Speaker = Pick<Member, 'name' | 'model' | 'engine'>;

/** A stream that breaks more often than this has a cause that another cluster does not cure. */
export const CONTINUATIONS_MAX = 3;

/**
 * Longest request for whose ids an engine is asked. It tells those of the prompt in one line, seven characters for each
 * byte at the worst, and longer lines than 1 MiB are not looked at.
 */
const ASKING_BYTES_MAX = 128 * 1024;

/** Tokens of a text that are none of its bytes. */
const SILENT_TOKENS_MAX = 64;

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
  /** How the rest is asked for; absent: by text. */
  readonly continueBy: ContinueBy | undefined;
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
  /** Longest answer of the engine that began, where the caller set no limit. */
  #lengthDefault: number | null = null;
  readonly #speakers: ClusterName[] = [];
  /** Token ids are kept of engines that tell them; `null`: they are not. */
  readonly ids: IdsSoFar | null;
  /** The caller has not asked for them, and must not see any. */
  readonly hidesIds: boolean;
  /** Text cannot prolong the prompt, ids can. */
  readonly #onlyIds: boolean;

  constructor(order: TranscriptOrder) {
    this.#api = order.api;
    this.#body = order.body;
    this.#translates = order.translates;
    const refusal = forbiddenByRequest(order.api, order.parsed);
    const byIds = order.continueBy === 'token-ids' && canAskForIds(order, refusal);
    this.ids = byIds ? new IdsSoFar(order.api === 'chat' && !limitsLength(order.parsed)) : null;
    this.hidesIds = byIds && !asksForIds(order.parsed);
    this.#onlyIds = byIds && refusal !== null;
    this.#refusal = byIds ? null : refusal;
    this.#tokensMatter = order.api === 'completions' || tokensMatter(order.parsed);
  }

  /** The caller has been told something by a cluster that then broke off. */
  get begun(): boolean {
    return this.#speakers.length > 0;
  }

  /** Takes down what the next attempt says; `null` when nothing could be done with it. */
  listen(): Said | null {
    this.#said = this.#refusal === null ? new Said(this.ids === null ? null : new SaidIds()) : null;
    return this.#said;
  }

  /** The caller's request as this cluster should get it when it is the first. */
  opening(body: Buffer | null, speaker: Speaker): Buffer | null {
    if (body === null || !this.hidesIds || !tellsIds(speaker)) return body;
    const at = body.indexOf('{') + 1;
    return Buffer.concat([body.subarray(0, at), ASKING, body.subarray(at)]);
  }

  /** The attempt that was listened to broke off after the caller had heard of it. */
  broke(speaker: Speaker): void {
    const said = this.#said;
    this.#said = null;
    if (!this.begun && this.#api === 'completions')
      this.#lengthDefault = dialectOf(speaker.engine).continuation.completionTokens;
    this.#speakers.push(speaker.name);
    this.#model ??= speaker.model;
    if (said !== null) this.#takeDown(said);
    if (this.#speakers.length > CONTINUATIONS_MAX) this.#refusal ??= 'too-many-breaks';
  }

  /** Why nobody can go on from what was said by now; `null` when somebody could. */
  get refusal(): CannotContinue | null {
    const said = this.#said;
    return this.#refusal ?? said?.refusal ?? (this.#onlyIds && said?.ids === null ? 'prompt-form' : null);
  }

  /** Why this cluster cannot go on with what `from` began; `null` when it can. */
  obstacle(speaker: Speaker, from: Speaker): CannotContinue | null {
    if (speaker.model !== (this.#model ?? from.model)) return 'other-model';
    if (this.#text === '' && this.#said === null) return null;
    if (this.#onlyIds) return tellsIds(speaker) ? null : 'engine-cannot';
    return engineContinues(this.#api, dialectOf(speaker.engine).continuation) ? null : 'engine-cannot';
  }

  /** What was said, if it matters how many tokens that were and a lower bound is all that is known. */
  get uncounted(): string | null {
    return this.#isUncounted && this.#text !== '' ? this.#text : null;
  }

  /** Tokens of all that was said, as an engine counts them; true when that is more than was known. */
  counted(tokens: number): boolean {
    this.#isUncounted = false;
    // A token is a byte at least; an engine that counts more has counted something else.
    const isMore = tokens > this.#tokens && tokens <= Buffer.byteLength(this.#text) + SILENT_TOKENS_MAX;
    if (isMore) this.#tokens = tokens;
    return isMore;
  }

  /** The request for the rest. */
  requestFor(speaker: Speaker): ContinuedRequest {
    const body = this.#bodyWithLimit();
    const tokens = this.#tokens;
    const ids = this.#idsFor(speaker);
    if (this.#onlyIds && ids === null && this.#text !== '') return { kind: 'refused', because: 'prompt-form' };
    const said: SaidSoFar = { text: this.#text, tokens };
    const request =
      ids === null || body === null
        ? continuedRequest(this.#api, body, said, dialectOf(speaker.engine).continuation)
        : continuedByIds(this.#api, body, { ...ids, tokens });
    if (request.kind !== 'ask') return request;
    const model = this.#translates ? { model: speaker.model } : {};
    const asking = this.hidesIds && tellsIds(speaker) ? { [ASKS_FOR_IDS]: true } : {};
    return { ...request, body: { ...request.body, ...model, ...asking } };
  }

  /** The caller's own, with the limit that its engine set where the caller did not: the rest must not get it anew. */
  #bodyWithLimit(): Fields | null {
    const body = parseFields(this.#body.toString('utf8'));
    if (body === null || this.#lengthDefault === null || this.#text === '') return body;
    return isAsked(body['max_tokens']) ? body : { ...body, max_tokens: this.#lengthDefault };
  }

  /** What this cluster can go on from by ids; `null`: it must go by text. */
  #idsFor(speaker: Speaker): IdsSoFar['known'] {
    return this.#text !== '' && tellsIds(speaker) ? (this.ids?.known ?? null) : null;
  }

  /** What joins the rest to what was said. */
  spliceTo(speaker: Speaker): Splice {
    const { length } = this.#speakers;
    const [first = ''] = this.#speakers;
    const others = [...this.#speakers.slice(1), speaker.name].join(',');
    const before: SpokenBefore = {
      identity: this.#identity ?? {},
      tokens: this.#tokens,
      promptTokens: this.#promptTokens,
      toChat: this.#api === 'chat' && this.#idsFor(speaker) !== null,
      hidesIds: this.hidesIds,
    };
    return new Splice(before, `: understudy continued=${length} from=${first} to=${others}\n\n`);
  }

  #takeDown(said: Said): void {
    const text = said.refusal === null ? said.text() : null;
    if (text === null) {
      this.#refusal ??= said.refusal ?? 'unreadable';
      return;
    }
    this.#identity ??= said.identity;
    if (text !== '') this.#takeDownText(text, said);
  }

  #takeDownText(text: string, said: Said): void {
    // Later clusters count what was said as a part of the prompt.
    if (this.#text === '') this.#promptTokens = said.promptTokens;
    this.#text += text;
    this.#tokens += said.tokens;
    this.#isUncounted ||= this.#tokensMatter && !said.isCounted;
    this.ids?.heard(said.ids, text);
    if (PARTIAL_CHARACTER.test(this.#text)) this.#refusal ??= 'partial-character';
  }

  /** The end of an answer that had reached its length when it broke off. */
  lengthEnd(): string {
    const said = this.#api === 'chat' ? { delta: {} } : { text: '' };
    const frame = { ...this.#identity, choices: [{ index: 0, ...said, finish_reason: 'length' }] };
    return `data: ${JSON.stringify(frame)}\n\n${DONE_FRAME}`;
  }
}

const ASKING = Buffer.from(`"${ASKS_FOR_IDS}":true,`);

function tellsIds({ engine }: Speaker): boolean {
  return dialectOf(engine).continuation.tokenIds !== null;
}

function asksForIds(parsed: unknown): boolean {
  return isFields(parsed) && ASKS_FOR_IDS in parsed;
}

function canAskForIds({ api, body, parsed }: TranscriptOrder, refusal: CannotContinue | null): boolean {
  return (refusal ?? 'prompt-form') === 'prompt-form' && body.length <= ASKING_BYTES_MAX && idsCarry(api, parsed);
}
