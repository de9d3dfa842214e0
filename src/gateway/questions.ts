/**
 * What a serving process can be asked or told, beside its table. Arguments and answers are plain JSON: with workers they
 * pass between processes. To add one: its types, its line in `answersOf`, and a call of `DataPlane.ask`.
 */
import type { KeySpec } from '../domain/fleet.js';
import type { ClusterName, ServiceName } from '../domain/words.js';
import type { ProcessFigures } from './process-figures.js';
import type { States } from './data-plane.js';
import type { HotPrefix } from './service/hot-prefixes.js';
import type { Service } from './service/service.js';
import { warm, type Warmed } from './service/warm.js';

interface Question<Argument, Answer> {
  readonly argument: Argument;
  readonly answer: Answer;
}

interface ClusterOf {
  readonly service: ServiceName;
  readonly cluster: ClusterName;
}

export interface Questions {
  /** One service, or all (`null`). */
  readonly states: Question<ServiceName | null, States>;
  /** Running requests leave a cluster: those that lose nothing by it (`rehome`), all that can (`handOver`). */
  readonly leave: Question<ClusterOf & { readonly rehome: boolean; readonly handOver: boolean }, null>;
  /** Another process has ejected this cluster, or has seen it come back. */
  readonly ejectedElsewhere: Question<ClusterOf, null>;
  readonly returnedElsewhere: Question<ClusterOf, null>;
  readonly hot: Question<{ readonly service: ServiceName; readonly max: number }, readonly HotPrefix[]>;
  readonly warm: Question<ClusterOf & { readonly max: number; readonly timeoutMs: number }, Warmed>;
  readonly figures: Question<null, ProcessFigures>;
  /** From now on `/readyz` says that this process goes. */
  readonly announceEnd: Question<null, null>;
  /** `null`: callers need no key. */
  readonly replaceKeys: Question<readonly KeySpec[] | null, null>;
}

export type Answers = {
  readonly [Name in keyof Questions]: (
    argument: Questions[Name]['argument'],
  ) => Questions[Name]['answer'] | Promise<Questions[Name]['answer']>;
};

/** What only the process itself can do or tell. */
export interface Deeds {
  readonly announceEnd: () => void;
  readonly figures: () => ProcessFigures;
  readonly replaceKeys: (keys: readonly KeySpec[] | undefined) => void;
}

export function answersOf(services: ReadonlyMap<ServiceName, Service>, deeds: Deeds): Answers {
  return {
    states: (only) => {
      const asked = only === null ? [...services] : [...services].filter(([name]) => name === only);
      return Object.fromEntries(asked.map(([name, service]) => [name, service.state()]));
    },
    leave: ({ service, cluster, rehome, handOver }) => {
      const running = services.get(service);
      if (rehome) running?.rehome(cluster);
      if (handOver) running?.handOver(cluster);
      return null;
    },
    ejectedElsewhere: ({ service, cluster }) => {
      services.get(service)?.ejectedElsewhere(cluster);
      return null;
    },
    returnedElsewhere: ({ service, cluster }) => {
      services.get(service)?.returnedElsewhere(cluster);
      return null;
    },
    hot: ({ service, max }) => services.get(service)?.hot.list(max) ?? [],
    warm: async ({ service, cluster, max, timeoutMs }) => {
      const running = services.get(service);
      const member = running?.members.find((m) => m.name === cluster);
      if (running === undefined || member === undefined) return { prefixes: 0, failed: 0, tookMs: 0 };
      return await warm(member, running.hot, { max, timeoutMs });
    },
    figures: () => deeds.figures(),
    announceEnd: () => {
      deeds.announceEnd();
      return null;
    },
    replaceKeys: (keys) => {
      deeds.replaceKeys(keys ?? undefined);
      return null;
    },
  };
}
