/** A guard's history as its inputs: what it began with, what it was told, which moves it began and what came of them. */
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import type { MoveRecord } from '../domain/move-record.js';
import { isFields } from '../domain/outside.js';
import type { MoveInput } from '../domain/plan/types.js';
import type { Recalled, Told } from '../domain/guard/recall.js';
import type { GuardState } from '../domain/guard/state.js';
import type { ServiceName } from '../domain/words.js';
import { faultOfGuardOrder, faultOfVerdict, keptDiagnosis } from '../workflows/guard-order.js';
import {
  clusterVerdictSignal,
  configureGuardSignal,
  type ClusterVerdictMessage,
  type GuardOrder,
} from '../workflows/messages.js';
import { readAttribution, readFreezeRequest, readMaintenanceRequest } from '../workflows/read-message.js';

type Event = temporal.api.history.v1.IHistoryEvent;
type Payloads = { readonly payloads?: Payload[] | null } | null | undefined;

export interface GuardPast {
  readonly order: GuardOrder;
  /** What an earlier run handed over; `undefined`: it was the first one. */
  readonly carried: GuardState | undefined;
  readonly told: readonly Told[];
}

const MOVE_TYPE = 'move';

export function readGuardPast(events: readonly Event[], service: ServiceName): GuardPast {
  const [order, carried] = valuesOf(events[0]?.workflowExecutionStartedEventAttributes?.input);
  const told = events.flatMap((event) => {
    const what = signalIn(event, service) ?? updateIn(event) ?? moveIn(event);
    return what === null ? [] : [{ atMs: timeOf(event), what }];
  });
  return { order: order as GuardOrder, carried: carried as GuardState | undefined, told };
}

function timeOf({ eventTime }: Event): number {
  return Number(eventTime?.seconds ?? 0) * 1_000 + Math.floor((eventTime?.nanos ?? 0) / 1e6);
}

/** What cannot be read is `undefined`: the guard could not read it either. */
function valuesOf(input: Payloads): unknown[] {
  return (input?.payloads ?? []).map((payload) => {
    try {
      return defaultPayloadConverter.fromPayload(payload);
    } catch {
      return undefined;
    }
  });
}

function signalIn({ workflowExecutionSignaledEventAttributes: signal }: Event, service: ServiceName): Recalled | null {
  if (!signal) return null;
  const [message] = valuesOf(signal.input);
  const { signalName: name } = signal;
  if (name === clusterVerdictSignal.name)
    return faultOfVerdict(message) === null ? verdictOf(message as ClusterVerdictMessage) : null;
  if (name === configureGuardSignal.name)
    return faultOfGuardOrder(message, service) === null ? configurationOf(message as GuardOrder) : null;
  return verbOf(name, message, 'signal');
}

function verdictOf({ cluster, diagnosis, lastGenerationOkAtMs }: ClusterVerdictMessage): Recalled {
  return { kind: 'verdict', cluster, diagnosis: keptDiagnosis(diagnosis), lastGenerationOkAtMs };
}

function configurationOf({ spec, clusters }: GuardOrder): Recalled {
  return { kind: 'configured', spec, clusters: Object.fromEntries(clusters.map((c) => [c.name, c])) };
}

function updateIn({ workflowExecutionUpdateAcceptedEventAttributes: update }: Event): Recalled | null {
  const input = update?.acceptedRequest?.input;
  if (!input) return null;
  const [message] = valuesOf(input.args);
  return verbOf(input.name, message, 'cli');
}

/** Moves are not among them: what came of an order stands in the records of the moves. */
function verbOf(name: string | null | undefined, raw: unknown, via: 'cli' | 'signal'): Recalled | null {
  if (name === 'freeze') {
    const reading = readFreezeRequest(raw, via);
    return reading.ok ? { kind: 'freeze', forMs: reading.value.forMs, attribution: reading.value } : null;
  }
  if (name === 'maintenance') {
    const reading = readMaintenanceRequest(raw, via);
    if (!reading.ok) return null;
    const { cluster, forMs, ...attribution } = reading.value;
    return { kind: 'maintenance', cluster, forMs, attribution };
  }
  if (name !== 'unfreeze') return null;
  const reading = readAttribution(raw, via);
  return reading.ok ? { kind: 'unfreeze', attribution: reading.value } : null;
}

function moveIn(event: Event): Recalled | null {
  const begun = event.startChildWorkflowExecutionInitiatedEventAttributes;
  if (begun?.workflowType?.name === MOVE_TYPE) {
    const [input] = valuesOf(begun.input);
    return { kind: 'move-began', id: begun.workflowId ?? '', input: input as MoveInput };
  }
  const done = event.childWorkflowExecutionCompletedEventAttributes;
  if (done?.workflowType?.name === MOVE_TYPE) {
    const id = done.workflowExecution?.workflowId ?? '';
    const [record] = valuesOf(done.result);
    return isFields(record)
      ? { kind: 'move-ended', id, record: record as unknown as MoveRecord }
      : { kind: 'move-lost', id };
  }
  return lostMoveIn(event);
}

/** The ways in which a move leaves no record. */
const LOST = ['Failed', 'Terminated', 'TimedOut', 'Canceled'] as const;

function lostMoveIn(event: Event): Recalled | null {
  const never = event.startChildWorkflowExecutionFailedEventAttributes;
  if (never?.workflowType?.name === MOVE_TYPE) return { kind: 'move-lost', id: never.workflowId ?? '' };
  const ends = LOST.flatMap((how) => event[`childWorkflowExecution${how}EventAttributes`] ?? []);
  const move = ends.find(({ workflowType }) => workflowType?.name === MOVE_TYPE);
  return move === undefined ? null : { kind: 'move-lost', id: move.workflowExecution?.workflowId ?? '' };
}
