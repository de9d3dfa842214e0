/**
 * Writes lines to a file or to standard output without ever making anybody wait: they are gathered for a moment and go out
 * together. What a slow disk cannot take is dropped and counted. Several processes may write to one file: each write
 * appends whole lines. A file that was moved away (logrotate) is made anew.
 */
import { messageOf } from '../../domain/describe-error.js';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { CodedError } from '../../domain/errors.js';
import type { ServiceDeps } from '../service/service.js';

const LOG_MODE = 0o640;
/** Lines are gathered this long. */
const GATHER_MS = 100;
/** Lines that wait for the disk; some seconds of a busy gateway. */
export const WAITING_BYTES_MAX = 8 * 1024 * 1024;
/** Of a pipe only a write of up to PIPE_BUF is whole among those of other processes. */
const PIPE_BYTES_MAX = 4_096;
/** Node writes up to 512 KiB at once. */
const FILE_BYTES_MAX = 64 * 1024;
/** A file that was moved away is missed after this long at most. */
const LOOK_MS = 1_000;
const CLOSE_MS_MAX = 2_000;

const LINE_FEED = 10;

export class LineWriter {
  readonly #path: string;
  readonly #tell: ServiceDeps['tell'];
  #file: FileHandle | null = null;
  #lookAtMs = 0;
  #pages: Page[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;

  private constructor(path: string, tell: ServiceDeps['tell']) {
    this.#path = path;
    this.#tell = tell;
  }

  /** `stdout`, or the path of a file. @throws CodedError `bad-config` when it cannot be opened */
  static async open(path: string, tell: ServiceDeps['tell']): Promise<LineWriter> {
    const writer = new LineWriter(path, tell);
    if (path !== 'stdout') await writer.#current().catch((error: unknown) => refuse(path, error));
    return writer;
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line) + 1; // with its line feed
    if (this.#waitingBytes + bytes > WAITING_BYTES_MAX) {
      this.#drop(1, 'it takes lines too slowly');
      return;
    }
    this.#waitingBytes += bytes;
    this.#pageFor(bytes).add(line);
    if (this.#timer === null && this.#writing === null) this.#timer = setTimeout(() => this.#begin(), GATHER_MS);
  }

  #pageFor(bytes: number): Page {
    const last = this.#pages.at(-1);
    if (last !== undefined && bytes <= last.roomBytes) return last;
    const page = new Page(Math.max(bytes, this.#path === 'stdout' ? PIPE_BYTES_MAX : FILE_BYTES_MAX));
    this.#pages.push(page);
    return page;
  }

  async close(): Promise<void> {
    if (this.#timer !== null) this.#begin();
    const late = new Promise<void>((resolve) => void setTimeout(resolve, CLOSE_MS_MAX).unref());
    await Promise.race([this.#writing ?? Promise.resolve(), late]);
    this.#file?.close().catch(() => undefined);
    this.#file = null;
  }

  #begin(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = null;
    });
  }

  async #writeAll(): Promise<void> {
    for (let page = this.#pages.shift(); page !== undefined; page = this.#pages.shift()) {
      try {
        await this.#writeOut(page.text);
      } catch (error) {
        this.#drop(page.lines, messageOf(error));
      }
      this.#waitingBytes -= page.text.length;
    }
    if (this.#dropped === 0) return;
    this.#tell({ event: 'access-log-back', message: 'lines are written again', dropped: this.#dropped });
    this.#dropped = 0;
  }

  async #writeOut(text: Buffer): Promise<void> {
    if (this.#path !== 'stdout') await (await this.#current()).appendFile(text);
    else {
      await new Promise<void>((resolve, reject) => {
        process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
      });
    }
  }

  /** The file that now has the name, made anew where there is none. */
  async #current(): Promise<FileHandle> {
    const nowMs = performance.now();
    if (this.#file !== null && nowMs < this.#lookAtMs) return this.#file;
    this.#lookAtMs = nowMs + LOOK_MS;
    if (this.#file !== null && (await isAt(this.#path, this.#file))) return this.#file;
    const before = this.#file;
    this.#file = null;
    await before?.close();
    this.#file = await openLog(this.#path);
    return this.#file;
  }

  #drop(lines: number, why: string): void {
    if (this.#dropped === 0)
      this.#tell({ event: 'access-log-drops', message: `lines of ${this.#path} are dropped: ${why}` });
    this.#dropped += lines;
  }
}

/** Whoever reads it learns who called what: its group, which ships logs, but not everybody. */
async function openLog(path: string): Promise<FileHandle> {
  try {
    const made = await open(path, 'ax', LOG_MODE);
    await made.chmod(LOG_MODE); // the umask is for files that no group has to read
    return made;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return await open(path, 'a');
    throw error;
  }
}

function refuse(path: string, cause: unknown): never {
  const why = messageOf(cause);
  const next = 'name a file in a folder that exists and that this user may write to, or write off';
  throw new CodedError('bad-config', `gateway.accessLog: ${path} cannot be opened (${why}); ${next}`, { cause });
}

/** Whole lines that go out in one write. As strings they would wait long enough to burden the garbage collector. */
class Page {
  lines = 0;
  #used = 0;
  readonly #bytes: Buffer;

  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
  }

  get roomBytes(): number {
    return this.#bytes.length - this.#used;
  }

  get text(): Buffer {
    return this.#bytes.subarray(0, this.#used);
  }

  add(line: string): void {
    this.#used += this.#bytes.write(line, this.#used);
    this.#bytes[this.#used++] = LINE_FEED;
    this.lines++;
  }
}

async function isAt(path: string, file: FileHandle): Promise<boolean> {
  const [named, held] = await Promise.all([stat(path).catch(() => null), file.stat()]);
  return named !== null && named.ino === held.ino && named.dev === held.dev;
}
