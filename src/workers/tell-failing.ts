/**
 * A workflow whose task fails can tell nobody; so the control worker looks for such workflows and tells of each once, as
 * a story of its own. It asks Temporal for one list every interval, however many workflows there are.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { messageOf } from '../domain/describe-error.js';
import { jsonLine } from '../domain/printable.js';
import type { StoryView } from '../domain/story.js';
import { type FailingTask, findFailingTasks } from '../temporal/failing-tasks.js';
import { CONTROL_TASK_QUEUE, serviceGuardId, storyId } from '../workflows/ids.js';

const EVERY_MS = 15_000;
/** Of the id of a run: enough to tell runs of one workflow apart. */
const RUN_CHARS = 8;

export interface TellFailingOptions {
  readonly client: Client;
  readonly signal: AbortSignal;
  /** Receives what went wrong while looking, as a JSON line. */
  readonly write: (line: string) => void;
  readonly everyMs: number | undefined;
}

/** Until the signal. What goes wrong is tried again at the next look: Temporal may be away. */
export async function tellFailing({ client, signal, write, everyMs = EVERY_MS }: TellFailingOptions): Promise<void> {
  const told = new Set<string>();
  let before = '';
  while (await pause(everyMs, signal)) {
    const fault = await tellNew(client, told);
    if (fault !== '' && fault !== before)
      write(
        jsonLine({ kind: 'notice', at: new Date().toISOString(), text: `failing tasks were not looked for: ${fault}` }),
      );
    before = fault;
  }
}

/** What went wrong; empty: nothing. */
async function tellNew(client: Client, told: Set<string>): Promise<string> {
  try {
    const fresh = (await findFailingTasks(client)).filter(({ runId }) => !told.has(runId));
    for (const task of fresh) {
      await tell(client, task);
      told.add(task.runId);
    }
    return '';
  } catch (error) {
    return messageOf(error);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal, ref: false });
    return true;
  } catch {
    return false;
  }
}

/** Every control worker looks; the id of the story lets one of them tell. */
async function tell(client: Client, task: FailingTask): Promise<void> {
  const id = storyId(`failing/${task.workflowId}/${task.runId.slice(0, RUN_CHARS)}`);
  try {
    await client.workflow.start('story', {
      workflowId: id,
      taskQueue: CONTROL_TASK_QUEUE,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      args: [storyOf(id, task)],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

function storyOf(id: string, { workflowId, type, attempt, why }: FailingTask): StoryView {
  const service = type === 'serviceGuard' ? workflowId.slice(serviceGuardId('').length) : null;
  const text = `Its workflow task has failed ${attempt - 1} times in a row: ${why}`;
  const meaning =
    service === null
      ? 'It does nothing until that is mended.'
      : 'No failover and no failback happen until that is mended.';
  return {
    id,
    head: {
      service: service ?? workflowId,
      title: service === null ? `${workflowId} cannot go on` : `${service}: its guard cannot go on`,
      state: 'for your attention',
      tone: 'bad',
      cause: text,
      from: [],
      to: null,
      progressPct: null,
      next: [service === null ? 'understudy doctor' : `understudy repair ${service}`],
    },
    lines: [{ key: 'failing', atMs: Date.now(), text: `${text}. ${meaning}`, broadcast: true }],
    ended: true,
  };
}
