/** Draws lines in place on a terminal, in its second buffer, so that the first one is as it was when we leave. */
import type { WriteStream } from 'node:tty';

export interface Screen {
  /** Draws now or soon: not more than four times a second, and only what has changed. */
  draw(): void;
  /** Gives the terminal back. Repeatable. */
  close(): void;
}

const FRAME_MS = 250;
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

/** @param linesFor the picture for a terminal of that size; asked anew after a resize */
export function openScreen(
  terminal: WriteStream,
  linesFor: (size: { readonly columns: number; readonly rows: number }) => readonly string[],
): Screen {
  let [drawn, timer, closed] = ['', null as NodeJS.Timeout | null, false];
  const paint = (): void => {
    timer = null;
    const lines = linesFor({ columns: terminal.columns || 80, rows: terminal.rows || 24 });
    const frame = `${HOME}${lines.map((line) => line + CLEAR_LINE).join('\n')}${CLEAR_BELOW}`;
    if (frame !== drawn && !closed) terminal.write(frame);
    drawn = frame;
  };
  const draw = (): void => {
    if (!closed) timer ??= setTimeout(paint, FRAME_MS);
  };
  const onResize = (): void => {
    drawn = '';
    draw();
  };
  terminal.write(ENTER);
  terminal.on('resize', onResize);
  paint();
  return {
    draw,
    close: () => {
      if (closed) return;
      closed = true;
      if (timer) clearTimeout(timer);
      terminal.off('resize', onResize);
      terminal.write(LEAVE);
    },
  };
}
