/** One request on its way to a cluster, and its answer on its way back to whoever asked. */
import type { IncomingHttpHeaders } from 'node:http';
import { faults } from '../boundary.js';
import { AnswerReader, type AnswerSink } from './answer-reader.js';
import type { Connection } from './connection.js';
import type { UpstreamRequest } from './request-head.js';

/** Hears an answer: its head, its body piece by piece, and how it ends, by one of the last three. Never called while it asks. */
export interface AnswerHandler extends AnswerSink {
  onEnd(): void;
  onError(error: Error): void;
  /** It threw itself while it heard something: the request is over, and nothing more comes. */
  onFault(error: unknown): void;
}

/** What whoever asks may do then. After `stop` it hears nothing more. */
export interface Answering {
  stop(): void;
  /** Nothing more is read until `resume`; what is on its way already may still come. */
  pause(): void;
  resume(): void;
}

export interface Written {
  /** One byte a character. */
  readonly head: string;
  readonly body: Buffer | null;
}

export class Asking implements AnswerSink, Answering {
  /** `null` before it has one, and when it is through with it. */
  connection: Connection | null = null;
  /** Where it waits for one; `null`: nowhere. */
  queue: Set<Asking> | null = null;
  readonly reader: AnswerReader;
  /** Kept until the answer begins, for it may have to be written anew; not longer, for a stream may take long. */
  #request: Written | null;
  #handler: AnswerHandler | null;
  #paused = false;
  #endWaits = false;

  /** `head`: as it is written. */
  constructor(head: string, { method, body }: UpstreamRequest, handler: AnswerHandler) {
    this.#request = { head, body };
    this.#handler = handler;
    this.reader = new AnswerReader(method, this);
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** What is to be written; `null` when its answer has begun. */
  get request(): Written | null {
    return this.#request;
  }

  onHead(status: number, headers: IncomingHttpHeaders): void {
    this.#request = null;
    try {
      this.#handler?.onHead(status, headers);
    } catch (error) {
      this.#fault(error);
    }
  }

  onBody(piece: Buffer): void {
    try {
      this.#handler?.onBody(piece);
    } catch (error) {
      this.#fault(error);
    }
  }

  ended(): void {
    this.connection = null;
    if (this.#paused) this.#endWaits = true;
    else this.#end();
  }

  failed(cause: Error): void {
    this.connection = null;
    try {
      this.#handler?.onError(cause);
    } catch (error) {
      this.#fault(error);
    }
  }

  #end(): void {
    try {
      this.#handler?.onEnd();
    } catch (error) {
      this.#fault(error);
    }
  }

  /** The boundary of what a cluster sends: whatever it leads to, it ends this request and no other. */
  #fault(error: unknown): void {
    const handler = this.#handler;
    this.stop();
    if (handler === null) faults.caught('request', error);
    else faults.guard('request', () => handler.onFault(error));
  }

  stop(): void {
    this.#handler = null;
    this.queue?.delete(this);
    this.connection?.destroy();
    this.connection = null;
  }

  pause(): void {
    this.#paused = true;
    this.connection?.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#endWaits) this.connection?.resume();
    else {
      this.#endWaits = false;
      this.#end();
    }
  }
}
