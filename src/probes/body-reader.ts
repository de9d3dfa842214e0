/** Reads one answer, up to a number of bytes, and lets go of the connection when it has enough or is told to stop. */
import type { Dispatcher } from 'undici';
import { GatheredBytes } from '../engines/gathered-bytes.js';

export interface Page {
  readonly status: number;
  readonly body: string;
  /** `false` when there was more than was read. */
  readonly whole: boolean;
}

/** For one request. Whatever comes after the page has settled is dropped with the connection that brings it. */
export class BodyReader implements Dispatcher.DispatchHandler {
  /** Rejects with the transport's error, or with the reason of `stop`. */
  readonly page: Promise<Page>;
  readonly #bytesMax: number;
  readonly #body = new GatheredBytes();
  #status = 0;
  #settled = false;
  #stopped: Error | null = null;
  #controller: Dispatcher.DispatchController | null = null;
  #resolve: (page: Page) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.page = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Also before the request has a connection: then it ends as soon as it gets one. */
  stop(reason: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#reject(reason);
    this.#letGo(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#stopped !== null) controller.abort(this.#stopped);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#body.add(chunk);
    if (this.#body.size < this.#bytesMax) return;
    this.#settle(false);
    this.#letGo(new Error('the answer is longer than what is read of it'));
  }

  onResponseEnd(): void {
    if (!this.#settled) this.#settle(true);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#reject(error);
  }

  #settle(whole: boolean): void {
    this.#settled = true;
    const body = this.#body.all().toString('utf8', 0, Math.min(this.#body.size, this.#bytesMax));
    this.#body.letGo();
    this.#resolve({ status: this.#status, body, whole });
  }

  #letGo(reason: Error): void {
    this.#stopped = reason;
    this.#controller?.abort(reason);
  }
}
