/** What the host and its serving child say to each other over the fork's channel. */
import type { Fault } from './faults.js';
import type { ClusterSettings } from './settings.js';

export type ToChild =
  | { readonly kind: 'start'; readonly settings: ClusterSettings; readonly faults: readonly Fault[] }
  | { readonly kind: 'faults'; readonly faults: readonly Fault[]; readonly revision: number };

export type FromChild =
  | { readonly kind: 'serving'; readonly port: number }
  | { readonly kind: 'cannot-serve'; readonly why: string }
  | { readonly kind: 'applied'; readonly revision: number };
