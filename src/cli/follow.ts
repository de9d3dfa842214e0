/** `--wait`: shows how a move goes on until it has ended. */
import type { Control } from '../control/control.js';
import type { Accepted } from '../control/verbs.js';
import type { MoveProgress } from '../control/wait.js';
import type { MoveRecord } from '../domain/move-record.js';
import { EXIT, exitOfMove } from './exit.js';
import { onTerminal, printJson, say } from './output.js';
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
  const show = json === true ? null : progressLine();
  show?.line(message);
  try {
    const record = await waitForMove(control, id, (p) => show?.line(sentenceOf(p)), { signal: stop.signal });
    show?.end();
    tellEnd(record, json === true);
    return exitOfMove(record.state);
  } catch (error) {
    show?.end();
    if (!stop.signal.aborted) throw error;
    const told = `stopped watching; ${id} goes on. \`understudy watch\` follows it, \`understudy abort\` ends it`;
    process.stderr.write(`${told}\n`);
    return EXIT.interrupted;
  } finally {
    process.removeListener('SIGINT', onInterrupt);
  }
}

function tellEnd(record: MoveRecord, json: boolean): void {
  if (json) printJson(record);
  else say(renderMove(record));
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
  const stamped = (text: string): string => `${((Date.now() - begunAt) / 1_000).toFixed(1).padStart(6)} s  ${text}`;
  if (!onTerminal()) return { line: (text) => say(stamped(text)), end: () => undefined };
  return {
    line: (text) => process.stdout.write(`\r\u001b[2K${stamped(text).slice(0, (process.stdout.columns || 80) - 1)}`),
    end: () => process.stdout.write('\r\u001b[2K'),
  };
}
