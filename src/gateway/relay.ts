/**
 * Passes an answer on to its caller, byte for byte and no faster than the caller reads. Of an event stream only whole
 * lines go out, so that a stream which breaks off never leaves half a frame in front of the error.
 */
import type { ServerResponse } from 'node:http';
import { errorFrame, type CallerError } from './openai-error.js';
import type { StreamScan } from './stream-scan.js';

export type Passed = 'went' | 'caller-is-slow' | 'false-done';

export class Relay {
  readonly #res: ServerResponse;
  readonly #scan: StreamScan | null;
  /** Begin of a line that is not whole yet. */
  #partial: Buffer[] = [];
  #sentBytes = 0;

  /** `scan`: what reads along an event stream; `null` for any other content. */
  constructor(res: ServerResponse, scan: StreamScan | null) {
    this.#res = res;
    this.#scan = scan;
  }

  open(status: number, headers: Record<string, string | string[]>): void {
    if (this.#scan !== null) delete headers['content-length']; // an error frame may follow
    this.#res.writeHead(status, headers);
  }

  /** `whole`: how many bytes of the chunk end in a whole line, as the scan said; all of it for other content. */
  pass(chunk: Buffer, whole: number): Passed {
    const falseDoneAt = this.#scan?.falseDoneAt ?? null;
    if (whole === chunk.length && this.#partial.length === 0 && falseDoneAt === null) return this.#send(chunk);
    const lines = Buffer.concat([...this.#partial, chunk.subarray(0, whole)]);
    if (falseDoneAt !== null) {
      this.#send(lines.subarray(0, falseDoneAt - this.#sentBytes));
      return 'false-done';
    }
    if (whole === 0) {
      this.#partial.push(chunk);
      return 'went';
    }
    this.#partial = whole === chunk.length ? [] : [chunk.subarray(whole)];
    return this.#send(lines);
  }

  whenCallerCanRead(then: () => void): void {
    this.#res.once('drain', then);
  }

  /** The answer is whole, whatever its last line lacks. */
  end(): void {
    for (const rest of this.#partial) this.#res.write(rest);
    this.#res.end();
  }

  /** The last word of a broken answer. */
  breakOff(error: CallerError): void {
    if (this.#scan === null)
      this.#res.destroy(); // nothing but a broken connection can tell the caller
    else this.#res.end(errorFrame(error));
  }

  #send(bytes: Buffer): Passed {
    if (bytes.length === 0) return 'went';
    this.#sentBytes += bytes.length;
    return this.#res.write(bytes) ? 'went' : 'caller-is-slow';
  }
}
