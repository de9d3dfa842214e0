/** A guard and its clock, for tests of decisions: events go in, what it ordered is kept. */
import { beginGuard } from '../../src/domain/guard/begin.js';
import type { GuardCommand, GuardEvent, GuardReply } from '../../src/domain/guard/commands.js';
import { advance, nextLookMs } from '../../src/domain/guard/guard.js';
import type { GuardState } from '../../src/domain/guard/state.js';
import type { ServiceSpec } from '../../src/domain/fleet.js';
import { NO_REPORT, type MoveEndState, type MoveRecord } from '../../src/domain/move-record.js';
import type { Attribution, Evidence, Verdict, Weights } from '../../src/domain/words.js';
import { CLUSTERS, serviceSpec } from './fleet.js';

export const MIN = 60_000;
export const me: Attribution = { by: 'me', reason: 'kernel upgrade', via: 'cli' };
export const HOME: Weights = { 'eu-a': 100, 'us-b': 0, 'ap-c': 0 };
export const AWAY: Weights = { 'eu-a': 0, 'us-b': 100, 'ap-c': 0 };

export class Scene {
  state: GuardState;
  now = 1_000_000;
  commands: GuardCommand[] = [];
  reply: GuardReply | null = null;

  constructor(change: Partial<ServiceSpec> = {}) {
    this.state = beginGuard(serviceSpec(change), Object.values(CLUSTERS));
    this.verdict('eu-a', 'healthy').verdict('us-b', 'healthy').verdict('ap-c', 'healthy');
  }

  hear(event: GuardEvent): this {
    const { state, commands, reply } = advance(this.state, event, this.now);
    Object.assign(this, { state, reply });
    this.commands.push(...commands);
    return this;
  }

  /** As probes alone see it. */
  verdict(cluster: string, verdict: Verdict): this {
    return this.#say(cluster, verdict, [this.#fact('http', 'connection refused', 'local')]);
  }

  /** As callers see it too. */
  confirmed(cluster: string, verdict: Verdict): this {
    const callers = this.#fact('passive', '9 of 9 real requests failed', 'gateway');
    return this.#say(cluster, verdict, [this.#fact('http', 'connection refused', 'local'), callers]);
  }

  #fact(dimension: Evidence['dimension'], seen: string, by: string): Evidence {
    return { dimension, seen, threshold: '3 failures in a row', sinceMs: this.now, by };
  }

  #say(cluster: string, verdict: Verdict, evidence: readonly Evidence[]): this {
    const before = this.state.known[cluster]?.diagnosis;
    const sinceMs = before?.verdict === verdict ? before.sinceMs : this.now;
    const diagnosis = { verdict, sinceMs, evidence };
    return this.hear({ kind: 'verdict', cluster, diagnosis, lastGenerationOkAtMs: this.now });
  }

  order(verb: 'switchover' | 'failover' | 'failback', to?: string): this {
    return this.hear({ kind: 'order', verb, attribution: me, ...(to === undefined ? {} : { to }) });
  }

  /** Time passes; the guard looks whenever it wanted to. */
  pass(ms: number): this {
    const end = this.now + ms;
    for (
      let look = nextLookMs(this.state, this.now);
      look !== null && look <= end;
      look = nextLookMs(this.state, this.now)
    ) {
      this.now = look;
      this.hear({ kind: 'timer' });
    }
    this.now = end;
    return this;
  }

  endMove(state: MoveEndState, weights: Weights, change: Partial<MoveRecord> = {}): this {
    const { move } = this.state;
    if (move === null) throw new Error('no move is running');
    const { plan, attribution } = move.input;
    const record: MoveRecord = {
      id: move.id,
      kind: plan.kind,
      from: plan.from,
      to: plan.to,
      ...attribution,
      endedBy: null,
      state,
      why: 'test',
      startedAt: new Date(move.startedAtMs).toISOString(),
      endedAt: new Date(this.now).toISOString(),
      steps: [],
      weights,
      report: NO_REPORT,
      ...change,
    };
    return this.hear({ kind: 'move-ended', id: move.id, record });
  }

  asking(step = 'approval'): this {
    return this.hear({ kind: 'move-progress', id: this.state.move?.id ?? '', step, state: 'asking', question: 'go?' });
  }

  /** Titles of what people were told about a cluster. */
  told(about: string): string[] {
    return this.commands.flatMap((c) => (c.kind === 'alert' && c.title.includes(about) ? [c.title] : []));
  }

  get running(): string {
    const plan = this.state.move?.input.plan;
    return plan === undefined ? 'none' : `${plan.kind} ${plan.from.join('+')}>${plan.to}`;
  }

  get why(): string {
    return this.state.whyNot[0]?.why ?? '';
  }
}
