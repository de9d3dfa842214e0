/** Undo steps, registered before the change they undo, run newest first and deaf to cancellation. */
import { messageOf } from '../domain/describe-error.js';
import { CancellationScope } from '@temporalio/workflow';

interface Undo {
  readonly name: string;
  readonly run: () => Promise<unknown>;
}

export class Saga {
  readonly #undos: Undo[] = [];

  /** Call it BEFORE the change: a change whose answer was lost has happened. `run` must be repeatable. */
  goBackBy(name: string, run: () => Promise<unknown>): void {
    this.#undos.unshift({ name, run });
  }

  /** Runs every undo, whatever the others did. @returns the names of those that failed, each with its reason. */
  async unwind(): Promise<string[]> {
    return await CancellationScope.nonCancellable(async () => {
      const failed: string[] = [];
      for (const undo of this.#undos.splice(0)) {
        try {
          await undo.run();
        } catch (error) {
          failed.push(`${undo.name}: ${messageOf(error)}`);
        }
      }
      return failed;
    });
  }
}
