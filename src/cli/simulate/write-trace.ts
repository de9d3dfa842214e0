/** A trace on its way to disk: lines in the order of time, whole when it is closed, never larger than what can be read. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import { createGzip } from 'node:zlib';
import { CodedError } from '../../domain/errors.js';
import type { DatedLine } from '../../domain/simulation/recording.js';
import type { TraceHeader } from '../../domain/simulation/trace.js';
import { TRACE_BYTES_MAX } from './read-trace.js';

/** What may wait for a disk that does not keep up. */
const PENDING_BYTES_MAX = 16 * 1_048_576;

export interface TraceWriterOptions {
  /** Ends in `.gz`: compressed. Must not exist. */
  readonly path: string;
  readonly header: TraceHeader;
  readonly begunAtMs: number;
  /** How late a line may come and still find its place, ms. */
  readonly lateMaxMs: number;
  readonly bytesMax?: number;
}

export class TraceWriter {
  lines = 0;
  /** Before compression. */
  bytes = 0;
  readonly #options: Required<TraceWriterOptions>;
  readonly #into = new PassThrough({ highWaterMark: PENDING_BYTES_MAX });
  readonly #written: Promise<void>;
  #held: readonly DatedLine[] = [];
  #lastT = -1;
  #isFull = false;

  private constructor(options: Required<TraceWriterOptions>, file: WriteStream) {
    this.#options = options;
    this.#written = options.path.endsWith('.gz')
      ? pipeline(this.#into, createGzip(), file)
      : pipeline(this.#into, file);
    // Told by `close`.
    this.#written.catch(() => undefined);
    this.#write(JSON.stringify(options.header));
  }

  /** @throws CodedError `bad-input` when the file exists or cannot be made */
  static async open(options: TraceWriterOptions): Promise<TraceWriter> {
    const file = createWriteStream(options.path, { flags: 'wx', mode: 0o600 });
    try {
      await once(file, 'open');
    } catch (cause) {
      throw notWritten(options.path, cause);
    }
    return new TraceWriter({ bytesMax: TRACE_BYTES_MAX, ...options }, file);
  }

  /** Takes a line in, and writes those for which no earlier one can come any more. @returns false when nothing fits any more */
  add(line: DatedLine, nowMs: number): boolean {
    this.#held = [...this.#held, line];
    this.#flush(nowMs - this.#options.lateMaxMs);
    return !this.#isFull && this.#into.writableLength < PENDING_BYTES_MAX;
  }

  /** Writes what is left. @throws CodedError `bad-input` when the disk did not take everything */
  async close(): Promise<void> {
    this.#flush(Infinity);
    this.#into.end();
    try {
      await this.#written;
    } catch (cause) {
      throw notWritten(this.#options.path, cause);
    }
  }

  #flush(untilMs: number): void {
    const due = this.#held.filter((held) => held.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
    if (due.length === 0) return;
    this.#held = this.#held.filter((held) => held.atMs > untilMs);
    due.forEach((line) => this.#writeTick(line));
  }

  /** Two observations of one millisecond stand a millisecond apart: time must grow. */
  #writeTick({ atMs, line }: DatedLine): void {
    const ms = Math.max(Math.round(atMs - this.#options.begunAtMs), 0, this.#lastT + 1);
    const text = JSON.stringify({ t: ms / 1_000, ...line });
    this.#isFull ||= this.bytes + Buffer.byteLength(text) + 1 > this.#options.bytesMax;
    if (this.#isFull) return;
    this.#lastT = ms;
    this.lines += 1;
    this.#write(text);
  }

  #write(text: string): void {
    const line = `${text}\n`;
    this.bytes += Buffer.byteLength(line);
    this.#into.write(line);
  }
}

function notWritten(path: string, cause: unknown): CodedError {
  const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
  const why = code === 'EEXIST' ? 'it exists already, and is not overwritten' : `it cannot be written (${code})`;
  return new CodedError('bad-input', `${path}: ${why}`, { cause });
}
