/** `--wait`: shows how a move goes on until it has ended. */
import type { Control } from '../control/control.js';
import type { Accepted } from '../control/verbs.js';
import type { MoveProgress } from '../control/wait.js';
import { EXIT, exitOfMove } from './exit.js';
import { printable, SENTENCE_CHARS_MAX } from '../domain/printable.js';
import { note, onTerminal, say, show } from './output.js';
import { renderMove } from './render-history.js';

/** Follows to the end; the exit code says how it ended. Ctrl-C ends the watching, never the move. */
export async function followMove(
  control: Control,
  { id, message }: Accepted,
  { json }: { readonly json?: boolean },
): Promise<number> {
  const { waitForMove } = await import('../control/wait.js');
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort();
  process.once('SIGINT', onInterrupt);
  const progress = json === true ? null : progressLine();
  progress?.line(message);
  try {
    const record = await waitForMove(control, id, (p) => progress?.line(sentenceOf(p)), { signal: stop.signal });
    progress?.end();
    show(record, json, renderMove);
    return exitOfMove(record.state);
  } catch (error) {
    progress?.end();
    if (!stop.signal.aborted) throw error;
    const told = `stopped watching; ${id} goes on. \`understudy watch\` follows it, \`understudy abort\` ends it`;
    note(told);
    return EXIT.interrupted;
  } finally {
    process.removeListener('SIGINT', onInterrupt);
  }
}

function sentenceOf(progress: MoveProgress): string {
  if (progress.kind === 'silence') return `waiting for an answer: ${progress.why}`;
  const { step, state, question } = progress;
  return question === null
    ? `${step} (${state})`
    : `${step}: ${question} Answer with \`understudy approve\` or \`understudy decline\`.`;
}

/** On a terminal one line that changes, elsewhere a line a change. */
function progressLine(): { line(text: string): void; end(): void } {
  const begunAt = Date.now();
  const stamped = (text: string): string =>
    `${((Date.now() - begunAt) / 1_000).toFixed(1).padStart(6)} s  ${printable(text, SENTENCE_CHARS_MAX)}`;
  if (!onTerminal()) return { line: (text) => say(stamped(text)), end: () => undefined };
  return {
    line: (text) => process.stdout.write(`\r\u001b[2K${stamped(text).slice(0, (process.stdout.columns || 80) - 1)}`),
    end: () => process.stdout.write('\r\u001b[2K'),
  };
}
