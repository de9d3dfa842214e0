/** A person's words to a running move: heard at any moment, inside any wait, and answered. */
import { CancellationScope, condition, defineSignal, isCancellation, setHandler } from '@temporalio/workflow';
import { inMarkdown, printable, SUMMARY_CHARS_MAX } from '../domain/printable.js';
import type { Attribution, ClusterName, Diagnosis } from '../domain/words.js';
import { failure } from './failures.js';
import {
  abortUpdate,
  approveUpdate,
  declineUpdate,
  pauseUpdate,
  resumeUpdate,
  skipStepUpdate,
  type VerbReply,
} from './messages.js';
import type { TellOptions } from './open-story.js';
import { readAttribution } from './read-message.js';

export const supersedeSignal = defineSignal<[{ readonly why: string }]>('supersede');
export const memberVerdictSignal =
  defineSignal<[{ readonly cluster: ClusterName; readonly diagnosis: Diagnosis }]>('member-verdict');

export type Answer =
  | { readonly kind: 'approved' | 'declined'; readonly who: Attribution }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'superseded'; readonly why: string };

type Interruption = 'abort' | 'pause' | 'skip';

/** What was heard and not yet acted on. */
interface Heard {
  abort: Attribution | null;
  pause: Attribution | null;
  skip: Attribution | null;
  superseded: string | null;
  question: string | null;
  answer: { readonly yes: boolean; readonly who: Attribution } | null;
  /** What has moved stays: an abort ends what is left of the move. */
  pastReturn: boolean;
  over: boolean;
}

const NOTHING_HEARD: Readonly<Heard> = {
  abort: null,
  pause: null,
  skip: null,
  superseded: null,
  question: null,
  answer: null,
  pastReturn: false,
  over: false,
};

export interface Operator {
  readonly heard: Readonly<Heard>;
  /** Waits while paused (at most `pauseMsMax`), throws `operator-aborted` when the move shall end. Call it before every change. */
  permits(): Promise<void>;
  /** Runs `work`, but comes back at once when a person interrupts; the work is cancelled then. */
  orInterrupted<T>(work: () => Promise<T>): Promise<{ readonly done: T } | { readonly interrupted: Interruption }>;
  /** The skip that was asked for, once. */
  takeSkip(): Attribution | null;
  /** Asks a person; nothing else happens until there is an answer or the time is up. */
  ask(question: string, timeoutMs: number): Promise<Answer>;
  /** From now on an abort ends the move and undoes nothing, and `permits` waits while paused but throws no more. */
  passReturn(): void;
  /** From now on every verb is answered with "it has ended". */
  close(): void;
}

export interface OperatorOptions {
  readonly id: string;
  readonly pauseMsMax: number;
  /** Told of every word that was heard, for the story. */
  readonly onWord: (sentence: string, options?: TellOptions) => void;
  /** The state shown to people changed: paused, asking, running. */
  readonly onState: (state: 'running' | 'paused' | 'asking', question: string | null) => void;
}

/** Listens from now on; the verbs and what they mean are those of the control API. */
export function listenToOperator(options: OperatorOptions): Operator {
  const heard: Heard = { ...NOTHING_HEARD };
  installVerbs(heard, options);

  const permits = async (): Promise<void> => {
    if (heard.pause !== null && heard.abort === null) {
      options.onState('paused', null);
      const by = heard.pause.by;
      const isOver = (): boolean => heard.pause === null || heard.abort !== null || heard.superseded !== null;
      const resumed = await condition(isOver, options.pauseMsMax, { summary: 'paused by a person' });
      const worse = takeSuperseded(heard);
      if (worse !== null) {
        heard.pause = null;
        options.onWord(`The pause of ${by} ends, for callers would pay for it: ${worse}`, { broadcast: true });
        if (!heard.pastReturn) throw failure('not-approved', worse);
      }
      if (!resumed && !heard.pastReturn) throw failure('not-approved', `paused by ${by} and not resumed in time`);
      options.onState('running', null);
    }
    if (heard.abort !== null && !heard.pastReturn) throw failure('operator-aborted', abortSentence(heard.abort));
  };

  const orInterrupted: Operator['orInterrupted'] = async (work) => {
    const scope = new CancellationScope({ cancellable: true });
    const working = scope.run(work).then((done) => ({ done }));
    const interrupted = condition(() => interruptionOf(heard) !== null).then(() => null);
    const first = await Promise.race([working, interrupted]);
    if (first !== null) return first;
    scope.cancel();
    try {
      // The work may have ended in this very moment: then its answer counts.
      return await working;
    } catch (error) {
      if (!isCancellation(error)) throw error;
      return { interrupted: interruptionOf(heard) ?? 'skip' };
    }
  };

  const takeSkip = (): Attribution | null => {
    const skip = heard.skip;
    heard.skip = null;
    return skip;
  };

  const ask = async (question: string, timeoutMs: number): Promise<Answer> => {
    heard.question = question;
    heard.answer = null;
    options.onState('asking', question);
    await condition(() => heard.answer !== null || heard.abort !== null || heard.superseded !== null, timeoutMs, {
      summary: inMarkdown(question, SUMMARY_CHARS_MAX),
    });
    heard.question = null;
    if (heard.abort !== null) throw failure('operator-aborted', abortSentence(heard.abort));
    options.onState('running', null);
    return readAnswer(heard);
  };

  return {
    ...{ heard, permits, orInterrupted, takeSkip, ask },
    passReturn: () => void (heard.pastReturn = true),
    close: () => void (heard.over = true),
  };
}

function interruptionOf({ abort, pause, skip }: Heard): Interruption | null {
  return abort !== null ? 'abort' : pause !== null ? 'pause' : skip !== null ? 'skip' : null;
}

function readAnswer(heard: Heard): Answer {
  const given = heard.answer as Heard['answer'];
  if (given !== null) return { kind: given.yes ? 'approved' : 'declined', who: given.who };
  const worse = takeSuperseded(heard);
  return worse === null ? { kind: 'timeout' } : { kind: 'superseded', why: worse };
}

/** It ends one wait, and no later one. */
function takeSuperseded(heard: Heard): string | null {
  const why = heard.superseded;
  heard.superseded = null;
  return why;
}

const abortSentence = (who: Attribution): string => `aborted by ${who.by}${who.reason === '' ? '' : `: ${who.reason}`}`;

const STAYS = 'the traffic has moved and stays there; what is left of the move ends now';

const UPDATES = {
  abort: abortUpdate,
  pause: pauseUpdate,
  resume: resumeUpdate,
  'skip-step': skipStepUpdate,
  approve: approveUpdate,
  decline: declineUpdate,
} as const;

/** Each verb as an update (answered) and as a signal (for Temporal's own CLI); both end in the same function. */
function installVerbs(heard: Heard, options: OperatorOptions): void {
  const yes = (message: string): VerbReply => ({ accepted: true, id: options.id, state: 'running', message });
  const no = (message: string): VerbReply => ({ accepted: false, code: 'nothing-to-answer', message });
  const verbs = {
    abort: (who: Attribution) => {
      heard.abort ??= who;
      return yes(heard.pastReturn ? STAYS : 'the move ends and goes back where it can');
    },
    pause: (who: Attribution) => {
      heard.pause ??= who;
      return yes('the move waits before its next change');
    },
    resume: (who: Attribution) => {
      if (heard.pause === null) return no(`${who.by}: the move is not paused`);
      heard.pause = null;
      return yes('the move goes on');
    },
    'skip-step': (who: Attribution) => {
      heard.skip = who;
      return yes('the running wait ends and the move goes on');
    },
    approve: (who: Attribution) => answer(true, who),
    decline: (who: Attribution) => answer(false, who),
  };
  const answer = (isYes: boolean, who: Attribution): VerbReply => {
    if (heard.question === null) return no('nobody is asked at the moment');
    if (heard.answer !== null) return no(`${heard.answer.who.by} has already answered`);
    heard.answer = { yes: isYes, who };
    return yes(isYes ? 'approved' : 'declined');
  };
  for (const verb of Object.keys(verbs) as (keyof typeof verbs)[]) {
    const hear = (raw: unknown, via: Attribution['via']): VerbReply => {
      if (heard.over) return no(`${options.id} has ended`);
      const reading = readAttribution(raw, via);
      if (!reading.ok) {
        options.onWord(`a ${verb} was not understood: ${reading.why}`);
        return { accepted: false, code: 'bad-input', message: reading.why };
      }
      const reply = verbs[verb](reading.value);
      options.onWord(`${verb} by ${reading.value.by} (${reading.value.via}): ${reply.message}`);
      return reply;
    };
    setHandler(UPDATES[verb], (who) => hear(who, 'cli'));
    setHandler(defineSignal<[unknown]>(verb), (who) => void hear(who, 'signal'));
  }
  setHandler(supersedeSignal, (message) => {
    const why: unknown = (message as { why?: unknown } | null | undefined)?.why;
    if (typeof why === 'string') heard.superseded ??= printable(why);
  });
}
