/**
 * How a workflow tells people: `openStory` starts the story's own workflow and hands it what is said. Telling costs the
 * caller nothing: it never waits, never throws, and is deaf to cancellation, because the line that says "aborted" is the
 * one that must get through.
 */
import {
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  rootCause,
  startChild,
} from '@temporalio/workflow';
import { inMarkdown, SUMMARY_CHARS_MAX } from '../domain/printable.js';
import type { StoryHead, StoryLine } from '../domain/story.js';
import { nowMs } from './clock.js';
import { storyId } from './ids.js';
import { KIND_KEY, SERVICE_KEY } from './search-attributes.js';
import { tellStorySignal, type StoryUpdate } from './messages.js';
import type { story } from './story.js';

/** How long `end` waits for the hand-over, ms: a signal between workflows takes some 10 ms while Temporal is well. */
const HAND_OVER_MAX_MS = 30_000;
const STORY_TYPE = 'story';

export interface TellOptions {
  /** Also show in the channel: questions, aborts and ends only. */
  readonly broadcast?: boolean;
  /** What changes in the root message. */
  readonly head?: Partial<StoryHead>;
}

export interface Story {
  /** Adds a line. Returns at once; several of one moment travel together. */
  tell(text: string, options?: TellOptions): void;
  /** Adds the last line and waits, for 30 s at most, until the story has everything. Nothing may be told after it. */
  end(text: string, head?: Partial<StoryHead>): Promise<void>;
}

export interface Opening {
  readonly about: string;
  readonly head: StoryHead;
  /** Nothing is sent before this holds, unless the story ends first; by default it is sent at once. */
  readonly quietUntil?: () => boolean;
}

/** Opens the story `story/<about>`, or goes on telling it when it is already open. */
export function openStory(opening: Opening): Story {
  const teller = new Teller(opening);
  return {
    tell: (text, options = {}) => teller.say({ text, ...options }),
    end: async (text, head) => {
      teller.say({ text, broadcast: true, ended: true, ...(head === undefined ? {} : { head }) });
      await teller.handedOver();
    },
  };
}

interface Saying extends TellOptions {
  readonly text: string;
  readonly ended?: boolean;
}

class Teller {
  private readonly id: string;
  /** Makes keys of this teller differ from those of an earlier one of the same story. */
  private readonly openedAtMs = nowMs();
  private said = 0;
  private waiting: StoryLine[] = [];
  /** Something was said that is not on its way: the head too can be news. */
  private news = true;
  private ended = false;
  private sending = false;
  private started = false;

  private head: StoryHead;

  constructor(private readonly opening: Opening) {
    this.id = storyId(opening.about);
    this.head = opening.head;
    this.send();
  }

  say({ text, broadcast = false, head = {}, ended = false }: Saying): void {
    this.said += 1;
    this.head = { ...this.head, ...head };
    this.waiting.push({ key: `${this.openedAtMs}.${this.said}`, atMs: nowMs(), text, broadcast });
    this.ended ||= ended;
    this.news = true;
    this.send();
  }

  async handedOver(): Promise<void> {
    await CancellationScope.nonCancellable(async () => {
      if (!(await condition(() => !this.sending, HAND_OVER_MAX_MS)))
        log.warn('a story was not handed over in time', { story: this.id });
    });
  }

  /** One sender at a time: what is said meanwhile goes with the next message. */
  private send(): void {
    if (this.sending) return;
    this.sending = true;
    void CancellationScope.nonCancellable(async () => {
      try {
        // Gives the caller the rest of its turn, so that the first lines go with the start.
        await Promise.resolve();
        const { quietUntil } = this.opening;
        if (quietUntil !== undefined) await condition(() => quietUntil() || this.ended);
        while (this.news) await this.handOver(this.take());
      } catch (error) {
        log.warn('a story could not be told', { story: this.id, why: rootCause(error) });
      } finally {
        this.sending = false;
      }
    });
  }

  private take(): StoryUpdate {
    const update = { head: this.head, lines: this.waiting, ended: this.ended };
    this.waiting = [];
    this.news = false;
    return update;
  }

  private async handOver(update: StoryUpdate): Promise<void> {
    if (!this.started) {
      this.started = true;
      if (await this.startWith(update)) return;
    }
    await getExternalWorkflowHandle(this.id).signal(tellStorySignal, update);
  }

  /** False when the story is already open: an earlier run of the caller began it. */
  private async startWith(update: StoryUpdate): Promise<boolean> {
    try {
      await startChild<typeof story>(STORY_TYPE, {
        workflowId: this.id,
        args: [{ id: this.id, ...update }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        typedSearchAttributes: [
          { key: KIND_KEY, value: 'story' },
          { key: SERVICE_KEY, value: update.head.service },
        ],
        staticSummary: inMarkdown(update.head.title, SUMMARY_CHARS_MAX),
      });
      return true;
    } catch (error) {
      log.info('a story goes on instead of beginning', { story: this.id, why: rootCause(error) });
      return false;
    }
  }
}
