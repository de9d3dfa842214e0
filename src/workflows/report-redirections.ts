/** A change of where prompts go is logged as a warning and reported to people, with who sent it, whatever it was for. */
import { CancellationScope, log, patched, workflowInfo } from '@temporalio/workflow';
import type { GuardEvent } from '../domain/guard/commands.js';
import {
  changeSentence,
  type Redirection,
  type RedirectionChange,
  redirectionsOfService,
  senderOf,
  senderSentence,
} from '../domain/guard/redirection.js';
import type { GuardState } from '../domain/guard/state.js';
import type { ClusterName, ServiceName } from '../domain/words.js';
import type { GuardOrder } from './messages.js';
import { openStory } from './open-story.js';

/** What is to be reported of an order; `null`: nothing, or a history from before it was reported. */
export function redirectionIn(
  order: unknown,
  changes: readonly RedirectionChange[],
): Pick<Redirection, 'sender' | 'changes'> | null {
  if (changes.length === 0 || !patched('report-redirections-20261201')) return null;
  const sender = senderOf(order);
  const { workflowId } = workflowInfo();
  log.warn('prompts go elsewhere', {
    workflowId,
    by: senderSentence(sender),
    changes: changes.map(changeSentence).join('; '),
  });
  return { sender, changes };
}

/** What a guard hears of a configuration. */
export function configuredBy(order: GuardOrder, before: GuardState): GuardEvent {
  const { spec } = order;
  const clusters = Object.fromEntries(order.clusters.map((cluster) => [cluster.name, cluster]));
  const redirection = redirectionIn(order, redirectionsOfService(before, { spec, clusters }));
  return { kind: 'configured', spec, clusters, redirection };
}

/** Of a cluster's own workflow: probes are prompts too, and carry the cluster's key. Nothing waits for it to be heard. */
export function reportOfCluster(
  redirection: Pick<Redirection, 'sender' | 'changes'>,
  about: { readonly cluster: ClusterName; readonly services: readonly ServiceName[]; readonly version: number },
): void {
  const { cluster, services, version } = about;
  const { sender, changes } = redirection;
  const text = `Changed ${senderSentence(sender)}: ${changes.map(changeSentence).join('; ')}`;
  const head = {
    service: services[0] ?? cluster,
    title: `${cluster}: probes, and their key, go elsewhere`,
    state: 'for your attention',
    tone: 'warning' as const,
    cause: text,
    from: [],
    to: null,
    progressPct: null,
    next: ['understudy status'],
  };
  const id = `cluster/${cluster}/${workflowInfo().runId.slice(0, 8)}-${version}`;
  void CancellationScope.nonCancellable(async () => await openStory({ about: id, head }).end(text));
}
