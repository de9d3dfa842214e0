/**
 * Runbook of a service, for ever: hear verdicts and people, decide (`domain/guard`), carry out what was decided.
 * It holds the lock (one move at a time) and the epoch; it is the only one that starts a move. It survives a restart
 * of everything, and it continues as new between moves with its whole state. Cancelled in Temporal it says that nobody
 * guards the service any more, and ends; a move that runs is a workflow of its own and goes on.
 */
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  startChild,
  workflowInfo,
  type ChildWorkflowHandle,
  type SignalDefinition,
} from '@temporalio/workflow';
import { advance, nextLookMs } from '../domain/guard/guard.js';
import type { GuardCommand, GuardEvent, GuardReply } from '../domain/guard/commands.js';
import { reportOf } from '../domain/governor/report.js';
import { explain } from '../domain/guard/explain.js';
import { beginGuard } from '../domain/guard/begin.js';
import type { GuardState } from '../domain/guard/state.js';
import { viewOf } from '../domain/guard/view-of.js';
import { weightsText } from '../domain/plan/judge-preflight.js';
import type { MoveInput } from '../domain/plan/types.js';
import { inMarkdown, printableAll } from '../domain/printable.js';
import type { Weights } from '../domain/words.js';
import { brokenMove } from './broken-move.js';
import { iso, newsBefore, nowMs } from './clock.js';
import { sentenceOf } from './failures.js';
import { clusterHealthId, serviceGuardId } from './ids.js';
import { GovernorTeller } from './governor-teller.js';
import { detailsOf } from './guard-details.js';
import { watchDrift } from './drift-watch.js';
import { faultOfGuardOrder, faultOfProgress, faultOfVerdict, keptDiagnosis } from './guard-order.js';
import { installGuardVerbs } from './guard-verbs.js';
import {
  clusterVerdictSignal,
  configureGuardSignal,
  explainQuery,
  fleetViewSignal,
  guardOrderQuery,
  guardViewQuery,
  historyQuery,
  moveProgressSignal,
  retireSignal,
  tellVerdictSignal,
  type GuardOrder,
} from './messages.js';
import type { move } from './move.js';
import { openStory } from './open-story.js';
import { memberVerdictSignal, supersedeSignal } from './operator.js';
import { mutate, patient } from './proxies.js';
import { configuredBy } from './report-redirections.js';
import { isFleetView } from './read-report.js';
import { KIND_KEY, MOVE_KEY, SERVICE_KEY } from './search-attributes.js';
import { Spiller, tellSpill } from './spiller.js';

export async function serviceGuard(order: GuardOrder, carried?: GuardState): Promise<void> {
  // A state that an older version carried over lacks what is newer.
  const guard = new Guard({ ...beginGuard(order.spec, order.clusters), ...carried });
  guard.listen();
  guard.learnLayer();
  void watchDrift(guard);
  try {
    await guardForEver(guard);
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(async () => await guard.takeLeave());
    throw error;
  }
}

async function guardForEver(guard: Guard): Promise<void> {
  await guard.askVerdicts();
  for (;;) {
    await guard.carryOut();
    if (guard.mayRetire()) {
      await guard.governor.leave();
      return await patient.forget('left the configuration', { service: guard.state.spec.name });
    }
    if (guard.mayContinueAsNew()) {
      await condition(allHandlersFinished);
      return await continueAsNew<typeof serviceGuard>(guard.order(), guard.state);
    }
    await guard.waitForNews();
  }
}

class Guard {
  #pending: GuardCommand[] = [];
  #retired = false;
  #alerts = 0;
  /** Grows with every event: whatever was heard may have changed when to look again. */
  #heard = 0;
  /** Grows with every definition: an older answer of the layer is no news. */
  #defined = 0;
  /** The definition that the layer has answered. */
  #known = -1;
  readonly governor = new GovernorTeller(() => reportOf(this.state, nowMs()));
  readonly spiller = new Spiller({ state: () => this.state, hear: (event) => void this.hear(event) });

  constructor(public state: GuardState) {}

  order(): GuardOrder {
    return { spec: this.state.spec, clusters: Object.values(this.state.clusters) };
  }

  hear(event: GuardEvent): GuardReply | null {
    const { state, commands, reply } = advance(this.state, event, nowMs());
    this.state = state;
    this.#pending.push(...commands);
    this.#heard += 1;
    return reply;
  }

  /** All handlers, before the first await. */
  listen(): void {
    setHandler(guardViewQuery, () => viewOf(this.state));
    setHandler(explainQuery, () => explain(this.state, nowMs()));
    setHandler(guardOrderQuery, () => this.order());
    setHandler(historyQuery, () => this.state.history);
    this.#hearSound(clusterVerdictSignal, faultOfVerdict, ({ cluster, diagnosis, lastGenerationOkAtMs }) => {
      this.hear({ kind: 'verdict', cluster, diagnosis: keptDiagnosis(diagnosis), lastGenerationOkAtMs });
    });
    this.#hearSound(moveProgressSignal, faultOfProgress, ({ id, step, state, question, touched }) => {
      this.hear(printableAll({ kind: 'move-progress', id, step, state, question, touched }));
    });
    const faultOfOrder = (order: unknown): string | null => faultOfGuardOrder(order, this.state.spec.name);
    this.#hearSound(configureGuardSignal, faultOfOrder, (order) => {
      this.#retired = false;
      this.hear(configuredBy(order, this.state));
      this.learnLayer();
      void this.askVerdicts();
    });
    setHandler(fleetViewSignal, (view) => {
      if (isFleetView(view)) this.hear({ kind: 'fleet', view: printableAll(view) });
    });
    setHandler(retireSignal, () => void (this.#retired = true));
    // A probe worker's question; nobody waits for a guard's own verdicts.
    setHandler(defineSignal<[unknown]>('tell-verdict'), () => undefined);
    installGuardVerbs({
      service: this.state.spec.name,
      hear: (event) => this.hear(event),
      runningMove: () => this.state.move?.id ?? null,
      complain: (title, text) => this.#pending.push({ kind: 'alert', title, text }),
    });
  }

  /** Signals can be sent by hand, with anything in them; a wrong one is logged and changes nothing. */
  #hearSound<T>(
    signal: SignalDefinition<[T]>,
    faultOf: (message: unknown) => string | null,
    hear: (message: T) => void,
  ): void {
    setHandler(signal, (message) => {
      const fault = faultOf(message);
      if (fault === null) hear(message);
      else log.warn('a message was refused', { signal: signal.name, fault });
    });
  }

  get layerKnown(): boolean {
    return this.#known === this.#defined;
  }

  drifted(): void {
    this.learnLayer();
  }

  /** Makes the members known to the traffic layer and learns what it does; in the background, for it may be away. */
  learnLayer(): void {
    const mine = ++this.#defined;
    void patient
      .define('members and home weights', this.order())
      .then(({ epoch, intended }) => {
        this.#known = mine;
        if (mine === this.#defined) this.hear({ kind: 'layer-read', epoch, intended });
      })
      .catch((error: unknown) => {
        this.#pending.push({
          kind: 'alert',
          title: `${this.state.spec.name}: the traffic layer refuses its definition`,
          text: sentenceOf(error),
        });
      });
  }

  async askVerdicts(): Promise<void> {
    const service = this.state.spec.name;
    const asking = this.state.spec.members.map(async ({ cluster }) => {
      await getExternalWorkflowHandle(clusterHealthId(cluster)).signal(tellVerdictSignal, { service });
    });
    // A cluster that is not watched yet will tell by itself when it is.
    await Promise.allSettled(asking);
  }

  async carryOut(): Promise<void> {
    for (let command = this.#pending.shift(); command !== undefined; command = this.#pending.shift()) {
      const done = this.#do(command);
      // After the command is on its way: what the fleet hears must not delay it.
      this.governor.tell();
      await done;
    }
    this.governor.tell();
    setCurrentDetails(detailsOf(this.state));
  }

  mayRetire(): boolean {
    return this.#retired && this.state.move === null;
  }

  /** Between moves only: the answer of a running child does not survive into the next run. */
  mayContinueAsNew(): boolean {
    return workflowInfo().continueAsNewSuggested && this.#isIdle();
  }

  #isIdle(): boolean {
    const quiet = this.governor.isQuiet() && this.spiller.isQuiet();
    return this.state.move === null && this.#pending.length === 0 && quiet;
  }

  async waitForNews(): Promise<void> {
    const before = this.#heard;
    const news = (): boolean =>
      this.#heard !== before || this.#pending.length > 0 || this.mayRetire() || this.mayContinueAsNew();
    const look = nextLookMs(this.state, nowMs());
    if (look === null) return await condition(news);
    if (!(await newsBefore(look, news, `look again at ${iso(look)}`))) this.hear({ kind: 'timer' });
  }

  async #do(command: GuardCommand): Promise<void> {
    switch (command.kind) {
      case 'start-move':
        return await this.#startMove(command.id, command.input);
      case 'supersede-move':
        return await signalQuietly(
          command.id,
          async (move) => await move.signal(supersedeSignal, { why: command.why }),
        );
      case 'tell-move':
        return await signalQuietly(command.id, async (move) => {
          await move.signal(memberVerdictSignal, { cluster: command.cluster, diagnosis: command.diagnosis });
        });
      case 'spill':
        return this.spiller.order(command);
      case 'tell-spill':
        return await tellSpill(this.state.spec.name, command);
      case 'repair':
        return await this.#repair(command.epoch, command.weights);
      case 'alert':
        return await this.#alert(command.title, command.text);
    }
  }

  async #startMove(id: string, input: MoveInput): Promise<void> {
    try {
      const child = await beginMove(id, input);
      void child.result().then(
        (record) => this.hear({ kind: 'move-ended', id, record }),
        (error: unknown) => this.#closeBroken(id, input, error),
      );
    } catch (error) {
      this.#closeBroken(id, input, error);
    }
  }

  /** Somebody cancelled the guard: people must know that no failover comes any more. */
  async takeLeave(): Promise<void> {
    const { spec, move } = this.state;
    const running = move === null ? '' : ` ${move.id} goes on by itself.`;
    await this.governor.leave();
    await this.#alert(
      `${spec.name}: nobody guards it any more`,
      `The guard was cancelled in Temporal: no failover, no failback, until \`understudy apply\` begins it anew.${running}`,
    );
  }

  /** A move that was terminated by hand, or could not start: recorded as failed, and the layer is asked what is true. */
  #closeBroken(id: string, input: MoveInput, error: unknown): void {
    const record = brokenMove(id, input, this.state, sentenceOf(error));
    this.hear({ kind: 'move-ended', id, record });
    this.learnLayer();
  }

  /** A failed repair is seen by the next look; a newer epoch in between is somebody who knows better. */
  async #repair(epoch: number, weights: Weights): Promise<void> {
    const { name: service } = this.state.spec;
    await mutate.shift(`repair: ${weightsText(weights)}`, { service, epoch, weights }).catch(() => undefined);
  }

  async #alert(title: string, text: string): Promise<void> {
    const { name } = this.state.spec;
    const about = `${serviceGuardId(name)}/${workflowInfo().runId.slice(0, 8)}-${++this.#alerts}`;
    const head = {
      service: name,
      title,
      state: 'for your attention',
      tone: 'warning' as const,
      cause: text,
      from: [],
      to: null,
      progressPct: null,
      next: [`understudy status ${name}`],
    };
    await openStory({ about, head }).end(text);
  }
}

/** Deaf to the guard's own cancellation: a move goes on to its end, and is stopped by its own verbs. */
async function beginMove(id: string, input: MoveInput): Promise<ChildWorkflowHandle<typeof move>> {
  const { plan, attribution } = input;
  return await CancellationScope.nonCancellable(
    async () =>
      await startChild<typeof move>('move', {
        workflowId: id,
        args: [input],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: `${inMarkdown(`${plan.kind} ${plan.from.join(', ')} → ${plan.to}`, 60)}: ${inMarkdown(attribution.reason, 60)}`,
        typedSearchAttributes: [
          { key: SERVICE_KEY, value: plan.service },
          { key: KIND_KEY, value: 'move' },
          { key: MOVE_KEY, value: plan.kind },
        ],
      }),
  );
}

/** A move that is gone needs to be told nothing. */
async function signalQuietly(
  id: string,
  send: (handle: ReturnType<typeof getExternalWorkflowHandle>) => Promise<void>,
): Promise<void> {
  try {
    await send(getExternalWorkflowHandle(id));
  } catch {
    return;
  }
}
