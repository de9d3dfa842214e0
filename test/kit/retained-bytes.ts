/** What this process keeps: the heap after a full collection, and the buffers beside it. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export function retainedBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round += 1) collect(); // buffers go with a collection after their owners
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
