/** Reads an order for a fault as it came over the wire: checked, and completed with the defaults. Pure. */
import { CodedError } from '../domain/errors.js';
import {
  FAULTS,
  FAULT_DURATION_MS_MAX,
  FAULT_KINDS,
  faultKind,
  type Fault,
  type FaultKind,
  type ParamSpec,
} from './faults.js';

const WORD_CHARS_MAX = 200;

/**
 * `{kind, durationMs?, ...parameters}`; `durationMs` null means: until it is cleared.
 * @throws CodedError `bad-input`, naming the field, what was expected and what was found
 */
export function parseFaultOrder(order: unknown): { readonly fault: Fault; readonly durationMs: number | null } {
  if (typeof order !== 'object' || order === null || Array.isArray(order)) {
    throw badInput('a fault is a JSON object such as {"kind":"crash"}');
  }
  const { kind: name, durationMs, ...given } = order as Record<string, unknown>;
  const kind = knownKind(name);
  return { fault: { kind, params: readParams(kind, given) } as unknown as Fault, durationMs: readDuration(durationMs) };
}

/** @throws CodedError `bad-input` that lists the kinds */
export function knownKind(name: unknown): FaultKind {
  const kind = typeof name === 'string' ? faultKind(name) : null;
  if (kind === null)
    throw badInput(`unknown fault ${JSON.stringify(name) ?? 'undefined'}; the kinds are ${FAULT_KINDS.join(', ')}`);
  return kind;
}

function readDuration(value: unknown): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && value > 0 && value <= FAULT_DURATION_MS_MAX) return value;
  throw badInput(
    `durationMs must be over 0 and at most ${String(FAULT_DURATION_MS_MAX)}, found ${JSON.stringify(value)}`,
  );
}

function readParams(kind: FaultKind, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const specs: Readonly<Record<string, ParamSpec>> = FAULTS[kind].params;
  const stranger = Object.keys(given).find((key) => !Object.hasOwn(specs, key));
  if (stranger !== undefined) {
    throw badInput(
      `${kind} has no parameter ${JSON.stringify(stranger)}; it has ${Object.keys(specs).join(', ') || 'none'}`,
    );
  }
  return Object.fromEntries(
    Object.entries(specs).map(([key, spec]) => [key, readParam(`${kind}.${key}`, spec, given[key])]),
  );
}

function readParam(name: string, spec: ParamSpec, value: unknown): unknown {
  if (value === undefined) return spec.default;
  if (fits(spec, value)) return value;
  throw badInput(`${name} must be ${expectation(spec)}, found ${JSON.stringify(value)}`);
}

function fits(spec: ParamSpec, value: unknown): boolean {
  switch (spec.type) {
    case 'number':
      return typeof value === 'number' && value >= spec.min && value <= spec.max;
    case 'yes-no':
      return typeof value === 'boolean';
    case 'word':
      return (
        typeof value === 'string' && value.length <= WORD_CHARS_MAX && (spec.of === null || spec.of.includes(value))
      );
  }
}

function expectation(spec: ParamSpec): string {
  switch (spec.type) {
    case 'number':
      return `a number from ${String(spec.min)} to ${String(spec.max)}`;
    case 'yes-no':
      return 'true or false';
    case 'word':
      return spec.of === null ? 'a short text' : `one of ${spec.of.join(', ')}`;
  }
}

function badInput(message: string): CodedError {
  return new CodedError('bad-input', message);
}
