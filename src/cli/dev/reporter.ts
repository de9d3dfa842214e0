/** Tells a person what happens: a live picture on a terminal, one line an event everywhere else. */
import type { StatusView } from '../../control/status.js';
import { printable, printableAll, SENTENCE_CHARS_MAX } from '../../domain/printable.js';
import { clock, spokenTimes } from '../clock-words.js';
import { colour, say } from '../output.js';
import { changesBetween } from './changes.js';
import type { Supervised } from './supervised.js';
import { openScreen, type Screen } from './screen.js';
import { renderView, type Picture } from './view.js';

export interface Reporter {
  /** Something happened to a process or to the instance. */
  event(text: string): void;
  /** From now on there is a fleet to show. */
  open(about: Pick<Picture, 'urls' | 'tips'> & { readonly processes: () => readonly Supervised[] }): void;
  status(status: StatusView): void;
  /** The fleet could not be looked at; told once until it can be again. */
  silence(why: string): void;
  /** Gives the terminal back; events are plain lines from here on. */
  close(): void;
}

const EVENTS_MAX = 100;

/** @param live true to draw on the terminal; otherwise only lines are written */
export function openReporter(live: boolean): Reporter {
  const events: { readonly at: string; readonly text: string }[] = [];
  let screen: Screen | null = null;
  let seen: StatusView | null = null;
  let note: string | null = null;

  const event = (said: string): void => {
    const text = printable(said, SENTENCE_CHARS_MAX);
    const at = clock(new Date().toISOString());
    events.push({ at, text });
    if (events.length > EVENTS_MAX) events.shift();
    if (screen) screen.draw();
    else say(`${at} ${text}`);
  };
  return {
    event,
    open: ({ urls, tips, processes }) => {
      if (!live) {
        for (const { what, url } of urls) event(`${what}: ${url}`);
        for (const tip of tips) event(`try: ${tip}`);
        return;
      }
      screen = openScreen(process.stdout, ({ columns, rows }) => {
        const states = processes().map((child) => ({ name: child.name, state: child.state() }));
        const picture = {
          services: seen?.services ?? [],
          nowMs: Date.now(),
          notes: notesOf(seen, note),
          processes: states,
          events,
          urls,
          tips,
        };
        return renderView(picture, { columns, rows, colors: colour });
      });
    },
    status: (view) => {
      const status = printableAll(view);
      for (const change of changesBetween(seen, status)) event(spokenTimes(change, Date.now()));
      seen = status;
      note = null;
      screen?.draw();
    },
    silence: (why) => {
      if (note === null) event(why);
      note = printable(why, SENTENCE_CHARS_MAX);
    },
    close: () => {
      screen?.close();
      screen = null;
    },
  };
}

function notesOf(status: StatusView | null, note: string | null): string[] {
  const unanswered = (status?.unanswered ?? []).map(({ name, why }) => `${name}: ${why}`);
  return [note, status?.gatewayNote ?? null, ...unanswered].filter((line) => line !== null);
}
