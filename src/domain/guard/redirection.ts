/**
 * What changes where prompts go: the address or the key of a cluster, or which clusters a service has. Whoever can send
 * the order may do it, so it must not go unnoticed: it is reported when it happens, and kept with who sent it. @replayed
 */
import type { ClusterSpec, ServiceSpec } from '../fleet.js';
import { isFields } from '../outside.js';
import { printable } from '../printable.js';
import type { ClusterName } from '../words.js';

export const REDIRECTIONS_MAX = 20;
/** So long `status` shows one. */
export const REDIRECTION_SHOWN_MS = 24 * 3_600_000;
const NAME_CHARS_MAX = 100;

/** Who sent a configuration, as he says; Temporal has no sender that could be proven. */
export interface Sender {
  readonly by: string;
  readonly host: string;
  readonly pid: number;
  /** `apply`, `dev` */
  readonly door: string;
}

export type RedirectionChange =
  | { readonly kind: 'url'; readonly cluster: ClusterName; readonly from: string; readonly to: string }
  /** Names of environment variables; `null`: callers' own keys go there, or none. */
  | { readonly kind: 'key'; readonly cluster: ClusterName; readonly from: string | null; readonly to: string | null }
  | { readonly kind: 'joined'; readonly cluster: ClusterName; readonly url: string }
  | { readonly kind: 'left'; readonly cluster: ClusterName };

export interface Redirection {
  readonly atMs: number;
  /** `null`: a signal that was sent by hand, or by an older version. */
  readonly sender: Sender | null;
  readonly changes: readonly RedirectionChange[];
}

interface Configured {
  readonly spec: Pick<ServiceSpec, 'members'>;
  readonly clusters: Readonly<Record<ClusterName, ClusterSpec>>;
}

/** `[]`: prompts go where they went. */
export function redirectionsOfService(before: Configured, after: Configured): readonly RedirectionChange[] {
  const [old, now] = [before, after].map(({ spec }) => new Set(spec.members.map((member) => member.cluster)));
  const joined = [...(now ?? [])].flatMap((name): RedirectionChange[] => {
    const [was, is] = [before.clusters[name], after.clusters[name]];
    if (is === undefined) return [];
    if (was === undefined || !old?.has(name)) return [{ kind: 'joined', cluster: name, url: shown(is.url) }];
    return [...redirectionsOfCluster(was, is)];
  });
  const left = [...(old ?? [])].filter((name) => !now?.has(name));
  return [...joined, ...left.map((cluster): RedirectionChange => ({ kind: 'left', cluster }))];
}

export function redirectionsOfCluster(before: ClusterSpec, after: ClusterSpec): readonly RedirectionChange[] {
  const { name: cluster } = after;
  const [oldKey, key] = [before.apiKeyEnv ?? null, after.apiKeyEnv ?? null];
  return [
    ...(before.url === after.url
      ? []
      : [{ kind: 'url', cluster, from: shown(before.url), to: shown(after.url) } as const]),
    ...(oldKey === key ? [] : [{ kind: 'key', cluster, from: oldKey, to: key } as const]),
  ];
}

/** The sender that an order names, bounded and printable; `null` when it names none. */
export function senderOf(order: unknown): Sender | null {
  const sender = isFields(order) ? order['sender'] : undefined;
  if (!isFields(sender)) return null;
  const { by, host, pid, door } = sender;
  if (typeof by !== 'string' || typeof host !== 'string' || typeof door !== 'string') return null;
  const word = (text: string): string => printable(text, NAME_CHARS_MAX);
  return { by: word(by), host: word(host), pid: typeof pid === 'number' ? pid : 0, door: word(door) };
}

/** e.g. `by ada on laptop (process 4711, apply)` */
export const senderSentence = (sender: Sender | null): string =>
  sender === null
    ? 'by somebody who did not say who (a signal to Temporal)'
    : `by ${sender.by} on ${sender.host} (process ${sender.pid}, ${sender.door})`;

export function changeSentence(change: RedirectionChange): string {
  const { kind, cluster } = change;
  switch (kind) {
    case 'url':
      return `${cluster}: its address was ${change.from} and is ${change.to}`;
    case 'key':
      return `${cluster}: its key was ${keyName(change.from)} and is ${keyName(change.to)}`;
    case 'joined':
      return `${cluster} (${change.url}) serves the service now`;
    case 'left':
      return `${cluster} serves the service no longer`;
  }
}

const keyName = (name: string | null): string =>
  name === null ? 'none' : `that of ${printable(name, NAME_CHARS_MAX)}`;

/** Without a password in it, which a wrong configuration may have. */
const shown = (url: string): string => printable(url.replace(/\/\/[^/@]*@/u, '//…@'));
