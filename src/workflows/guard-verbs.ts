/** A person's words to a guard, as updates (answered) and as signals (recorded, and complained about when wrong). */
import { defineSignal, getExternalWorkflowHandle, setHandler } from '@temporalio/workflow';
import type { GuardEvent, GuardReply } from '../domain/guard/commands.js';
import type { ServiceName } from '../domain/words.js';
import { serviceGuardId } from './ids.js';
import {
  abortUpdate,
  approveUpdate,
  declineUpdate,
  failbackUpdate,
  failoverUpdate,
  freezeUpdate,
  maintenanceUpdate,
  pauseUpdate,
  resumeUpdate,
  skipStepUpdate,
  switchoverUpdate,
  unfreezeUpdate,
  type MoveRequest,
  type Verb,
  type VerbReply,
} from './messages.js';
import {
  readAttribution,
  readFreezeRequest,
  readMaintenanceRequest,
  readMoveRequest,
  type Reading,
} from './read-message.js';

type Via = 'cli' | 'signal';

interface GuardEar {
  readonly service: ServiceName;
  hear(event: GuardEvent): GuardReply | null;
  runningMove(): string | null;
  /** For words that nobody waits for an answer to. */
  complain(title: string, text: string): void;
}

const UPDATES = {
  switchover: switchoverUpdate,
  failover: failoverUpdate,
  failback: failbackUpdate,
  freeze: freezeUpdate,
  unfreeze: unfreezeUpdate,
  maintenance: maintenanceUpdate,
  abort: abortUpdate,
  pause: pauseUpdate,
  resume: resumeUpdate,
  'skip-step': skipStepUpdate,
  approve: approveUpdate,
  decline: declineUpdate,
} as const;

/** A move's to answer; said to its guard they are passed on. */
const MOVE_VERBS = ['abort', 'pause', 'resume', 'skip-step', 'approve', 'decline'] as const;
type MoveVerb = (typeof MOVE_VERBS)[number];

const isForMove = (verb: Verb): verb is MoveVerb => (MOVE_VERBS as readonly Verb[]).includes(verb);

export function installGuardVerbs(ear: GuardEar): void {
  for (const verb of Object.keys(UPDATES) as Verb[]) {
    setHandler(UPDATES[verb] as typeof abortUpdate, async (raw) => await answer(ear, verb, raw, 'cli'));
    setHandler(defineSignal<[unknown]>(verb), async (raw) => {
      const reply = await answer(ear, verb, raw, 'signal');
      if (!reply.accepted)
        ear.complain(`${ear.service}: the signal ${verb} was refused`, `${reply.code}: ${reply.message}`);
    });
  }
}

async function answer(ear: GuardEar, verb: Verb, raw: unknown, via: Via): Promise<VerbReply> {
  if (isForMove(verb)) return await passOn(ear, verb, raw, via);
  const event = readEvent(verb, raw, via);
  if (!event.ok) return { accepted: false, code: 'bad-input', message: event.why };
  const reply = ear.hear(event.value);
  if (reply === null) return { accepted: false, code: 'invariant', message: `the guard gave no answer to ${verb}` };
  return reply.accepted ? { ...reply, state: 'running' } : reply;
}

/** The event that a verb means to the guard. */
function readEvent(verb: Exclude<Verb, MoveVerb>, raw: unknown, via: Via): Reading<GuardEvent> {
  switch (verb) {
    case 'switchover':
      // An empty signal must not move what is well: whoever plans a move names where it goes, as on our command line.
      return mapReading(withTarget(readMoveRequest(raw, via)), asOrder(verb));
    case 'failover':
    case 'failback':
      return mapReading(readMoveRequest(raw, via), asOrder(verb));
    case 'freeze':
      return mapReading(readFreezeRequest(raw, via), ({ forMs, ...attribution }) => ({
        kind: 'freeze',
        forMs,
        attribution,
      }));
    case 'maintenance':
      return mapReading(readMaintenanceRequest(raw, via), ({ cluster, forMs, ...attribution }) => ({
        kind: 'maintenance',
        cluster,
        forMs,
        attribution,
      }));
    case 'unfreeze':
      return mapReading(readAttribution(raw, via), (attribution) => ({ kind: 'unfreeze', attribution }));
  }
}

function withTarget(reading: Reading<MoveRequest>): Reading<MoveRequest> {
  if (!reading.ok || reading.value.to !== undefined || reading.value.from !== undefined) return reading;
  return { ok: false, why: 'to: expected the name of a cluster, found nothing' };
}

const asOrder =
  (verb: 'switchover' | 'failover' | 'failback') =>
  ({ to, from, ...attribution }: MoveRequest): GuardEvent => ({
    kind: 'order',
    verb,
    attribution,
    ...(to === undefined ? {} : { to }),
    ...(from === undefined ? {} : { from }),
  });

function mapReading<A>(reading: Reading<A>, use: (value: A) => GuardEvent): Reading<GuardEvent> {
  return reading.ok ? { ok: true, value: use(reading.value) } : reading;
}

/** Words to the running move may be said to its guard as well. */
async function passOn(ear: GuardEar, verb: Verb, raw: unknown, via: Via): Promise<VerbReply> {
  const id = ear.runningMove();
  if (id === null) return { accepted: false, code: 'no-move', message: `no move is running on ${ear.service}` };
  const reading = readAttribution(raw, via);
  if (!reading.ok) return { accepted: false, code: 'bad-input', message: reading.why };
  try {
    await getExternalWorkflowHandle(id).signal(defineSignal<[unknown]>(verb), reading.value);
    return { accepted: true, id, state: 'running', message: `${verb} was passed on to ${id}` };
  } catch {
    return { accepted: false, code: 'no-move', message: `${id} has just ended (${serviceGuardId(ear.service)})` };
  }
}
