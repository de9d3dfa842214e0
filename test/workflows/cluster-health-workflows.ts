/** What the test of `clusterHealth` runs: the workflow itself, and a guard that only listens. */
import { condition, setHandler, defineQuery } from '@temporalio/workflow';
import { clusterVerdictSignal, retireSignal, type ClusterVerdictMessage } from '../../src/workflows/messages.js';

export { clusterHealth } from '../../src/workflows/cluster-health.js';

export const heardQuery = defineQuery<readonly ClusterVerdictMessage[]>('heard');

export async function listeningGuard(): Promise<void> {
  const heard: ClusterVerdictMessage[] = [];
  let ended = false;
  setHandler(heardQuery, () => heard);
  setHandler(clusterVerdictSignal, (message) => void heard.push(message));
  setHandler(retireSignal, () => void (ended = true));
  await condition(() => ended);
}
