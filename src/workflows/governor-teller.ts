/** Tells the governor what a guard knows whenever that changes: one signal at a time, always the newest; nobody waits for it. */
import { messageOf } from '../domain/describe-error.js';
import { getExternalWorkflowHandle, log, ParentClosePolicy, startChild } from '@temporalio/workflow';
import { NO_FLEET, type ServiceReport } from '../domain/governor/governor.js';
import type { governor } from './governor.js';
import { GOVERNOR_ID } from './ids.js';
import { leaveFleetSignal, reportSignal } from './messages.js';

export class GovernorTeller {
  #sent = '';
  #busy = false;

  constructor(private readonly report: () => ServiceReport) {}

  /** Sends what has changed, in the background. */
  tell(): void {
    if (!this.#busy) void this.#tellNews();
  }

  isQuiet(): boolean {
    return !this.#busy;
  }

  async leave(): Promise<void> {
    const { service } = this.report();
    try {
      await getExternalWorkflowHandle(GOVERNOR_ID).signal(leaveFleetSignal, { service });
    } catch {
      return; // Without a governor there is nothing to leave.
    }
  }

  async #tellNews(): Promise<void> {
    this.#busy = true;
    for (let text = JSON.stringify(this.report()); text !== this.#sent; text = JSON.stringify(this.report())) {
      this.#sent = text;
      if (await this.#send(JSON.parse(text) as ServiceReport)) continue;
      // The next change is told anew; until then the fleet lacks one member.
      this.#sent = '';
      break;
    }
    this.#busy = false;
  }

  async #send(report: ServiceReport): Promise<boolean> {
    // If there is none it begins with our report; if another guard is quicker, our report goes to that one.
    return (await this.#signal(report)) || (await this.#begin(report)) || (await this.#signal(report));
  }

  async #signal(report: ServiceReport): Promise<boolean> {
    try {
      await getExternalWorkflowHandle(GOVERNOR_ID).signal(reportSignal, report);
      return true;
    } catch {
      return false;
    }
  }

  async #begin(report: ServiceReport): Promise<boolean> {
    try {
      await startChild<typeof governor>('governor', {
        workflowId: GOVERNOR_ID,
        args: [{ ...NO_FLEET, reports: { [report.service]: report } }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        staticSummary: 'governor: storm brake and panic rule of the fleet',
      });
      return true;
    } catch (error) {
      log.info('the governor was not started from here', { service: report.service, error: messageOf(error) });
      return false;
    }
  }
}
