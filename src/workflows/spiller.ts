/**
 * Carries out what the guard decided about a spill, beside everything else: a failover must not wait for it. One order at
 * a time, the newest one next, and the guard hears what came of it.
 */
import type { GuardCommand, GuardEvent, SpillOrder } from '../domain/guard/commands.js';
import { judgeSpillRoom } from '../domain/guard/spill-room.js';
import type { GuardState } from '../domain/guard/state.js';
import type { ServiceName } from '../domain/words.js';
import { sentenceOf } from './failures.js';
import { openStory } from './open-story.js';
import { mutate, read } from './proxies.js';

interface Guarded {
  readonly state: () => GuardState;
  readonly hear: (event: GuardEvent) => void;
}

export class Spiller {
  #next: SpillOrder | null = null;
  #busy = false;

  constructor(private readonly guard: Guarded) {}

  order(order: SpillOrder): void {
    this.#next = order;
    if (!this.#busy) void this.#carryOut();
  }

  isQuiet(): boolean {
    return !this.#busy;
  }

  async #carryOut(): Promise<void> {
    this.#busy = true;
    for (let order = this.#take(); order !== null; order = this.#take()) {
      const { id, sharePct } = order;
      const why = await this.#try(order).catch(sentenceOf);
      this.guard.hear(
        why === null ? { kind: 'spill-held', id, sharePct } : { kind: 'spill-refused', id, sharePct, why },
      );
    }
    this.#busy = false;
  }

  #take(): SpillOrder | null {
    const order = this.#next;
    this.#next = null;
    return order;
  }

  /** Why the layer holds nothing new; `null`: it does. */
  async #try(order: SpillOrder): Promise<string | null> {
    const { epoch, from, to, sharePct, forMs } = order;
    const { spec, clusters } = this.guard.state();
    const service = spec.name;
    if (order.prove !== null) {
      const target = clusters[to];
      if (target === undefined) return `${to} is not configured`;
      const query = { service, target, profile: 'degraded', doubtful: [], provenAtMs: null } as const;
      const why = judgeSpillRoom(await read.preflight(`has ${to} room?`, query), order);
      if (why !== null) return why;
    }
    const title = sharePct === 0 ? `${from} spills nothing` : `${from} spills ${sharePct} % to ${to}`;
    const { refused } = await mutate.spill(title, { service, epoch, from, to, sharePct, forMs });
    return refused;
  }
}

type TellSpill = Extract<GuardCommand, { kind: 'tell-spill' }>;

/** Told when it begins and when it ends: the story is found by its name, whichever run of the guard began it. */
export async function tellSpill(service: ServiceName, { spill, text, ended }: TellSpill): Promise<void> {
  const { id, from, to, sharePct, because } = spill;
  const head = {
    service,
    title: `${service}: ${from} spills over to ${to}`,
    state: ended ? 'over' : 'spilling, no move',
    tone: ended ? ('good' as const) : ('warning' as const),
    cause: because,
    from: [from],
    to,
    progressPct: sharePct,
    next: [`understudy status ${service}`],
  };
  const story = openStory({ about: id, head });
  if (ended) await story.end(text, head);
  else story.tell(text);
}
