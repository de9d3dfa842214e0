/** The few lines of a dead server that tell why: a Go panic prints its reason first and then a screen of stack. */

const LINES_MAX = 200;
const TOLD_MAX = 3;
const TELLING = /panic:|fatal|error|unable|cannot|denied/i;

export interface LastWords {
  hear(line: string): void;
  /** At most three lines: those that name a reason, else the last ones. */
  tell(): readonly string[];
}

export function listenForLastWords(): LastWords {
  const lines: string[] = [];
  return {
    hear: (line) => {
      if (line.trim() !== '' && lines.length < LINES_MAX) lines.push(line.trim());
    },
    tell: () => {
      const telling = lines.filter((line) => TELLING.test(line)).slice(0, TOLD_MAX);
      return telling.length > 0 ? telling : lines.slice(-TOLD_MAX);
    },
  };
}
