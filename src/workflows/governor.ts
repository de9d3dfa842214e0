/**
 * Runbook of the fleet, for ever: hear every guard's report, judge the whole (`domain/governor`), tell every guard what
 * holds it back. Guards are told beforehand and never ask, so it cannot slow a move; when it is gone nobody is held.
 * It is started by the first guard that finds none, and ends when the last guard has left.
 */
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { FleetView } from '../domain/governor/fleet-view.js';
import { govern, nextGovernorLookMs, type GovernorEvent, type GovernorState } from '../domain/governor/governor.js';
import { newsBefore, nowMs } from './clock.js';
import { serviceGuardId } from './ids.js';
import { fleetQuery, fleetViewSignal, leaveFleetSignal, reportSignal } from './messages.js';
import { faultOfReport } from './read-report.js';
import { KIND_KEY } from './search-attributes.js';

export async function governor(carried: GovernorState): Promise<void> {
  const fleet = new Fleet(carried);
  fleet.listen();
  upsertSearchAttributes([{ key: KIND_KEY, value: 'governor' }]);
  fleet.hear({ kind: 'timer' });
  for (;;) {
    await fleet.tellGuards();
    if (fleet.isEmpty()) return;
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      return await continueAsNew<typeof governor>(fleet.state);
    }
    await fleet.waitForNews();
  }
}

class Fleet {
  #heard = 0;
  /** The newest view that not every guard has been sent yet. */
  #untold: FleetView | null = null;

  constructor(public state: GovernorState) {}

  listen(): void {
    setHandler(fleetQuery, () => this.state);
    setHandler(reportSignal, (report) => {
      // What is sent by hand may be anything; it must not fail a workflow task.
      if (faultOfReport(report) === null) this.hear({ kind: 'report', report });
    });
    setHandler(leaveFleetSignal, (message) => {
      const service: unknown = (message as { service?: unknown } | null | undefined)?.service;
      if (typeof service === 'string') this.hear({ kind: 'left', service });
    });
  }

  hear(event: GovernorEvent): void {
    const { state, tell } = govern(this.state, event, nowMs());
    this.state = state;
    this.#untold = tell ?? this.#untold;
    this.#heard += 1;
  }

  isEmpty(): boolean {
    return Object.keys(this.state.reports).length === 0;
  }

  /** A guard that is gone has left. */
  async tellGuards(): Promise<void> {
    while (this.#untold !== null) {
      const view = this.#untold;
      this.#untold = null;
      const told = Object.keys(this.state.reports).map(async (service) => {
        try {
          await getExternalWorkflowHandle(serviceGuardId(service)).signal(fleetViewSignal, view);
        } catch {
          this.hear({ kind: 'left', service });
        }
      });
      await Promise.all(told);
    }
  }

  async waitForNews(): Promise<void> {
    const before = this.#heard;
    const news = (): boolean => this.#heard !== before || workflowInfo().continueAsNewSuggested;
    const look = nextGovernorLookMs(this.state, nowMs());
    if (look === null) return await condition(news);
    if (!(await newsBefore(look, news, 'look at the fleet again'))) this.hear({ kind: 'timer' });
  }
}
