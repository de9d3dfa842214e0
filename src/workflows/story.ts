/**
 * Runbook: tell a story, to every notifier, however long it takes; nothing waits for it.
 * 1. Begin with what is known; take in news (`tell`) at any moment.
 * 2. Each notifier is told on its own, newest state first, at most every 2 s: Slack being down delays nobody else.
 * 3. What fails is retried for 24 h, then recorded as given up.
 * 4. Done when the story has ended and everybody knows; a story that nobody ends closes after 7 days.
 * 5. A long story continues as new with all that was told and is still to be told.
 */
import {
  ActivityCancellationType,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  log,
  proxyActivities,
  rootCause,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { faultOfNews, mergeStory, unheard } from '../domain/merge-story.js';
import { inMarkdown, SUMMARY_CHARS_MAX } from '../domain/printable.js';
import { NOTHING_DELIVERED, type Delivered, type StoryView } from '../domain/story.js';
import { newsBefore, nowMs } from './clock.js';
import { tellStorySignal, type StoryUpdate } from './messages.js';
import type { Notify, Read } from './ports.js';

/** Slack allows about one message a second and channel; two leave room for the thread. */
const PACE_MS = 2_000;
/** A person on call has long been told by another way. */
const GIVE_UP_AFTER = '24 hours';
const SILENCE_MAX_MS = 7 * 24 * 60 * 60_000;

export interface StoryOutcome {
  readonly told: readonly { readonly notifier: string; readonly lines: number; readonly gaveUp: string | null }[];
}

/** What one notifier knows; carried into the next run. */
interface Listener {
  readonly notifier: string;
  delivered: Delivered;
  /** The version of the story that it knows. */
  version: number;
  /** An order was sent whose answer never came. */
  maybe: boolean;
  gaveUp: string | null;
}

/** The story as it stands; carried into the next run. */
interface Tale {
  view: StoryView;
  /** Grows with every change. */
  version: number;
  lastWordAtMs: number;
}

export interface StoryCarried {
  readonly version: number;
  readonly lastWordAtMs: number;
  readonly listeners: readonly Listener[];
}

const read = proxyActivities<Pick<Read, 'notifiers'>>({
  startToCloseTimeout: '10 seconds',
  retry: { maximumInterval: '10 seconds' },
  summary: 'who is to be told',
});

/** `carried` is for the workflow's own use: what an earlier run hands to the next one. */
export async function story(input: StoryView, carried?: StoryCarried): Promise<StoryOutcome> {
  const fault = faultOfNews(input) ?? (typeof input.id === 'string' ? null : 'id: expected a text');
  if (fault !== null) throw ApplicationFailure.nonRetryable(`story: ${fault}`, 'bad-input');
  const tale: Tale = {
    view: mergeStory({ ...input, lines: [], ended: false }, input),
    version: carried?.version ?? 1,
    lastWordAtMs: carried?.lastWordAtMs ?? nowMs(),
  };
  setHandler(tellStorySignal, (news) => hear(tale, news));

  const listeners = carried === undefined ? await begin() : carried.listeners.map((listener) => ({ ...listener }));
  const scope = new CancellationScope();
  let rotating = false;
  const telling = scope.run(async () => {
    await Promise.all(listeners.map(async (listener) => await keepTold(listener, tale, () => rotating)));
  });
  await Promise.race([telling, condition(() => workflowInfo().continueAsNewSuggested), closeAfterSilence(tale)]);
  if (!allKnow(tale, listeners) && workflowInfo().continueAsNewSuggested) {
    rotating = true;
    scope.cancel();
  }
  await telling;
  if (!allKnow(tale, listeners)) {
    await continueAsNew<typeof story>(tale.view, { version: tale.version, lastWordAtMs: tale.lastWordAtMs, listeners });
  }
  return {
    told: listeners.map(({ notifier, delivered, gaveUp }) => ({ notifier, lines: delivered.lines.length, gaveUp })),
  };
}

async function begin(): Promise<Listener[]> {
  const names = await read.notifiers();
  return names.map((notifier) => ({ notifier, delivered: NOTHING_DELIVERED, version: 0, maybe: false, gaveUp: null }));
}

/** Signals can be sent by hand, with anything in them; a wrong one is logged and changes nothing. */
function hear(tale: Tale, news: StoryUpdate): void {
  const fault = faultOfNews(news);
  if (fault !== null) {
    log.warn('news that cannot be understood', { fault });
    return;
  }
  tale.view = mergeStory(tale.view, news);
  tale.version += 1;
  tale.lastWordAtMs = nowMs();
  const { title, state } = tale.view.head;
  setCurrentDetails(`${inMarkdown(title)}: ${inMarkdown(state)}`);
}

/** Tells one notifier whatever is new, until it knows the end. */
async function keepTold(listener: Listener, tale: Tale, rotating: () => boolean): Promise<void> {
  try {
    while (listener.gaveUp === null) {
      await condition(() => listener.version < tale.version || tale.view.ended);
      if (listener.version === tale.version) return;
      await tellOnce(listener, tale);
      if (rotating()) return;
      // The end is told at once; everything else waits for the pace and then goes out together.
      await condition(() => tale.view.ended, PACE_MS);
    }
  } catch (error) {
    // Continue-as-new cancels what waits for a notifier that is down; the next run looks first what got through.
    if (!(rotating() && isCancellation(error))) throw error;
  }
}

async function tellOnce(listener: Listener, tale: Tale): Promise<void> {
  const { notifier, delivered, maybe } = listener;
  const { view, version } = tale;
  listener.maybe = true;
  try {
    listener.delivered = await publisher(notifier, view).publish({
      notifier,
      view: unheard(view, delivered),
      delivered,
      maybe,
    });
    listener.maybe = false;
    listener.version = version;
  } catch (error) {
    if (isCancellation(error)) throw error;
    listener.gaveUp = rootCause(error) ?? 'unknown';
    log.error('a notifier was given up', { notifier, why: listener.gaveUp });
  }
}

/** One activity a message; it may be retried for a day, and its progress travels in its heartbeat. */
function publisher(notifier: string, view: StoryView): Notify {
  return proxyActivities<Notify>({
    scheduleToCloseTimeout: GIVE_UP_AFTER,
    // 500 lines at one a second, and some calls that take their whole 5 s.
    startToCloseTimeout: '15 minutes',
    // Six calls of 5 s: each of them is followed by a heartbeat.
    heartbeatTimeout: '30 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
    // A running attempt must have ended before the next run begins its own, or both would post.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: inMarkdown(`${notifier}: ${view.head.state}`, SUMMARY_CHARS_MAX),
  });
}

function allKnow(tale: Tale, listeners: readonly Listener[]): boolean {
  return tale.view.ended && listeners.every(({ gaveUp, version }) => gaveUp !== null || version === tale.version);
}

const silentAtMs = ({ lastWordAtMs }: Tale): number => lastWordAtMs + SILENCE_MAX_MS;

/** Its teller may have been terminated: a story does not stay open for ever. */
async function closeAfterSilence(tale: Tale): Promise<void> {
  const never = (): boolean => false;
  for (let dueMs = silentAtMs(tale); dueMs > nowMs(); dueMs = silentAtMs(tale))
    await newsBefore(dueMs, never, 'closes a story that nobody ends');
  const text = 'Nobody has told the end of this story for 7 days: it is closed.';
  const line = { key: 'silence', atMs: nowMs(), text, broadcast: false };
  hear(tale, { head: tale.view.head, lines: [line], ended: true });
}
