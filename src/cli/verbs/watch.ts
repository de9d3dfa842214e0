/** `understudy watch`: status, redrawn in place on a terminal, a block a change elsewhere. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Control } from '../../control/control.js';
import type { StatusView } from '../../control/status.js';
import { CodedError } from '../../domain/errors.js';
import { printable, printableAll, SENTENCE_CHARS_MAX } from '../../domain/printable.js';
import { forTerminal, onTerminal, printJson, say, show } from '../output.js';
import { renderStatus } from '../render-status.js';
import { findTarget, type Target, withControl, withTarget, type TargetOptions } from '../target.js';
import { does, verb } from '../verb.js';

interface WatchOptions extends TargetOptions {
  readonly json?: boolean;
}

const REFRESH_MS = 1_000;

export function watchCommand(): Command {
  const command = verb('watch', 'Status, live; Ctrl-C ends it.').argument('[service]', 'this service only');
  return does<WatchOptions>(withTarget(command), async (options, service) => {
    const target = findTarget(options);
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    process.once('SIGTERM', () => stop.abort());
    await withControl(target, async (control) => {
      await watch(
        { control, target, only: service === undefined ? [] : [service], show: screen(options.json === true) },
        stop.signal,
      );
    });
    return undefined;
  });
}

interface Watching {
  readonly control: Control;
  readonly target: Target;
  readonly only: readonly string[];
  readonly show: Screen;
}

/** Ends when the signal says so, or at once when the first look fails: later ones may fail and recover. */
async function watch({ control, target, only, show }: Watching, signal: AbortSignal): Promise<void> {
  const { readStatus } = await import('../../control/status.js');
  for (let seen = 0; !signal.aborted; seen += 1) {
    try {
      show.view(await readStatus(control, target.gatewayAdmin, only));
    } catch (error) {
      if (seen === 0 || !(error instanceof CodedError) || error.family !== 'transient') throw error;
      show.silence(error.message);
    }
    await sleep(REFRESH_MS, undefined, { signal }).catch(() => undefined);
  }
}

interface Screen {
  view(view: StatusView): void;
  silence(why: string): void;
}

function screen(json: boolean): Screen {
  if (!json && onTerminal()) {
    const draw = (text: string): boolean => process.stdout.write(`\u001b[H\u001b[2J${forTerminal(text)}\n`);
    return {
      view: (view) => draw(renderStatus(printableAll(view), Date.now())),
      silence: (why) => draw(noAnswer(why)),
    };
  }
  let last = '';
  const onChange = (key: string, tell: () => void): void => {
    if (key !== last) tell();
    last = key;
  };
  return {
    // Counts of running requests change at every look: they are shown, but are no news.
    view: (view) => onChange(news(view), () => show(view, json, (shown) => `${renderStatus(shown, Date.now())}\n`)),
    silence: (why) => onChange(why, () => (json ? printJson({ unanswered: why }) : say(noAnswer(why)))),
  };
}

const noAnswer = (why: string): string => `no answer: ${printable(why, SENTENCE_CHARS_MAX)}`;

const news = (view: StatusView): string =>
  JSON.stringify(view, (key, value: unknown) => (key === 'inFlight' ? undefined : value));
