/**
 * A disk that is full or read-only is no reason to refuse callers: a gateway whose table cannot be saved at its start serves
 * by what it has read, says so, and saves as soon as the disk takes it.
 */
import { messageOf } from '../../domain/describe-error.js';
import type { RouteStore } from './route-store.js';

type Tell = (event: Readonly<Record<string, unknown>>) => void;

const AGAIN_MS = 2_000;

/** Whether it was saved; if not, that is told. */
export async function savedOrTold(save: () => Promise<void>, tell: Tell): Promise<boolean> {
  try {
    await save();
    return true;
  } catch (error) {
    const message =
      'THE ROUTE TABLE CANNOT BE SAVED: callers are served, changes are refused, and a restart finds the table on disk as it is. Next: free or remount the disk of the data directory';
    tell({ event: 'table-not-saved', message, why: messageOf(error) });
    return false;
  }
}

/** Tries again until it is saved, which is told once. @returns ends it */
export function saveLater(store: RouteStore, tell: Tell): () => void {
  let timer: NodeJS.Timeout;
  const again = async (): Promise<void> => {
    try {
      await store.change((table) => ({ ...table })); // the same table, brought to disk
      tell({ event: 'table-saved', message: 'the route table is on disk again' });
    } catch {
      plan();
    }
  };
  const plan = (): void => void (timer = setTimeout(() => void again(), AGAIN_MS).unref());
  plan();
  return () => clearTimeout(timer);
}
