/** A log of one child: bounded, the generation before kept beside it as `.1`. */
import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { FILE_MODE, FOLDER_MODE } from '../../config/own-files.js';

const BYTES_MAX = 10 * 1024 * 1024;

export interface LogFile {
  write(line: string): void;
  close(): void;
}

/** Never throws while writing: a full disk must not end what is being logged. */
export function openLogFile(path: string): LogFile {
  mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
  let file = openSync(path, 'a', FILE_MODE);
  let bytes = statSync(path).size;
  const rotate = (): void => {
    closeSync(file);
    renameSync(path, `${path}.1`);
    file = openSync(path, 'a', FILE_MODE);
    bytes = 0;
  };
  return {
    write: (line) => {
      try {
        if (bytes > BYTES_MAX) rotate();
        bytes += writeSync(file, `${line}\n`);
      } catch {
        // Better no log than no service.
      }
    },
    close: () => closeSync(file),
  };
}
