/**
 * Every error that leaves a module, sorted by what the caller must do (docs/errors.md). Codes are the `type` of
 * Temporal failures, the `code` of HTTP answers, the CLI's word and the metric's label; they are never reused.
 */
import { printable, SENTENCE_CHARS_MAX } from './printable.js';

export type ErrorFamily = 'refused' | 'transient' | 'fenced' | 'uncertain' | 'rejected' | 'invariant';

interface ErrorEntry {
  readonly family: ErrorFamily;
  readonly meaning: string;
  readonly fix: string;
}

export const ERRORS = {
  'bad-input': {
    family: 'refused',
    meaning: 'what was sent cannot be understood',
    fix: 'correct the named field and send it again',
  },
  'bad-config': {
    family: 'refused',
    meaning: 'the configuration file is wrong',
    fix: 'correct what is named; `understudy config check -f` looks at the file again',
  },
  'unknown-service': { family: 'refused', meaning: 'no such service', fix: '`understudy status` lists the services' },
  'unknown-cluster': {
    family: 'refused',
    meaning: 'no such cluster in this service',
    fix: '`understudy status` lists the clusters',
  },
  'already-moving': {
    family: 'refused',
    meaning: 'a move is already running on this service',
    fix: '`understudy watch` follows it, `understudy abort` ends it',
  },
  'already-there': { family: 'refused', meaning: 'the traffic already is where it should go', fix: 'nothing to do' },
  'preflight-blocked': {
    family: 'refused',
    meaning: 'the target may not take the traffic',
    fix: 'read the named reason; `understudy plan` shows what would be possible',
  },
  'no-target': {
    family: 'refused',
    meaning: 'no healthy cluster with room is left',
    fix: 'bring a cluster back, then `understudy failover` by hand',
  },
  frozen: {
    family: 'refused',
    meaning: 'automation is frozen for this service',
    fix: '`understudy unfreeze` when its owner agrees',
  },
  'nothing-to-answer': {
    family: 'refused',
    meaning: 'nobody is waiting for this answer any more',
    fix: '`understudy status` shows what is open',
  },
  'not-broken': {
    family: 'refused',
    meaning: 'the guard is not broken: there is nothing to repair',
    fix: '`understudy status` shows what it knows; `understudy doctor` looks at every part',
  },
  'no-move': {
    family: 'refused',
    meaning: 'no move is running on this service',
    fix: '`understudy history` shows the last ones',
  },
  'temporal-missing': {
    family: 'refused',
    meaning: 'no usable Temporal server could be found, downloaded or built',
    fix: 'follow one of the ways that the message lists',
  },
  'start-failed': {
    family: 'refused',
    meaning: 'a part of the instance did not start',
    fix: 'read its last words in the message, and its log in `logs` of the data directory',
  },
  'port-taken': {
    family: 'refused',
    meaning: 'a port that is needed is in use',
    fix: 'stop the program that has it, or choose others: `--port-base`; of a gateway `--port` and `--admin-port`',
  },
  'foreign-file': {
    family: 'refused',
    meaning: 'a file that names addresses, or its directory, can be written by somebody else',
    fix: 'if it is yours, `chown` it and `chmod go-w` it; else choose another directory with `--data-dir`, or name addresses with `--temporal` and `--gateway-admin`',
  },
  'data-dir-taken': {
    family: 'refused',
    meaning: 'another instance uses this data directory',
    fix: 'stop it, or choose another with `--data-dir`',
  },
  'layer-unreachable': {
    family: 'transient',
    meaning: 'the traffic layer does not answer',
    fix: 'is the gateway running? `understudy doctor` tells',
  },
  'temporal-unreachable': {
    family: 'transient',
    meaning: 'Temporal does not answer',
    fix: '`understudy doctor` tells which address was tried',
  },
  'no-namespace': {
    family: 'transient',
    meaning: 'Temporal has no such namespace',
    fix: '`deploy/temporal/namespace.sh` makes it with its search attributes; `--namespace` names another one',
  },
  'no-worker': {
    family: 'transient',
    meaning: 'no control worker answers',
    fix: 'start `understudy worker control`, or see why it ended; `understudy doctor` tells',
  },
  'no-instance': {
    family: 'transient',
    meaning: 'no running instance is described in this data directory',
    fix: 'start one with `understudy dev`, or name its directory with `--data-dir`',
  },
  'simulator-unreachable': {
    family: 'transient',
    meaning: 'a simulated cluster does not answer its control port',
    fix: 'is `understudy dev` still running? `understudy sim faults` asks every cluster',
  },
  'notifier-unreachable': {
    family: 'transient',
    meaning: 'a message could not be delivered',
    fix: 'it is retried; `understudy doctor` checks the credentials',
  },
  'rate-limited': {
    family: 'transient',
    meaning: 'asked to slow down',
    fix: 'it is retried after the time that was named',
  },
  'conversations-unreachable': {
    family: 'transient',
    meaning: 'the store of the conversations does not answer',
    fix: 'is its disk full, its Redis server up? Requests that bring their whole conversation are served',
  },
  'stale-epoch': {
    family: 'fenced',
    meaning: 'a newer move owns this service, or a later write of the same one has been made',
    fix: 'nothing: the newer move goes on',
  },
  'epoch-too-far': {
    family: 'refused',
    meaning: 'the epoch is far above the one that the layer holds',
    fix: 'read the epoch of the service from the layer, and write with the next one',
  },
  'write-outcome-unknown': {
    family: 'uncertain',
    meaning: 'a change was sent, its answer was lost',
    fix: 'it is read back before it is repeated',
  },
  'canary-rejected': {
    family: 'rejected',
    meaning: 'the target failed its verification',
    fix: 'look at the named evidence before the next try',
  },
  'operator-aborted': {
    family: 'rejected',
    meaning: 'a person ended the move',
    fix: '`understudy history` says who and why',
  },
  'not-approved': {
    family: 'rejected',
    meaning: 'nobody said yes in time, or somebody said no',
    fix: '`understudy history` says who and why',
  },
  invariant: {
    family: 'invariant',
    meaning: 'a fault of ours; the traffic stays as it is',
    fix: 'report it with the output of `understudy history --json`',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** CLI exit status by family; DESIGN: 0 done, 1 rolled back, held or failed, 2 usage, 3 refused, 4 could not reach. */
export const EXIT_BY_FAMILY: Readonly<Record<ErrorFamily, number>> = {
  refused: 3,
  transient: 4,
  fenced: 1,
  uncertain: 1,
  rejected: 1,
  invariant: 70,
};

export const HTTP_STATUS_BY_FAMILY: Readonly<Record<ErrorFamily, number>> = {
  refused: 409,
  transient: 503,
  fenced: 409,
  uncertain: 502,
  rejected: 200,
  invariant: 500,
};

/** Lines of one message; no list of ours is longer. */
const LINES_MAX = 100;

/**
 * An error with a registered code. Its message says who, what, what was expected and what was found. What was found is
 * often somebody else's text: a message is one printable line, and several only where the caller gives them one by one.
 */
export class CodedError extends Error {
  override readonly name = 'CodedError';
  readonly code: ErrorCode;
  /** When to try again, ms; for `rate-limited`, and for what only a person can repair. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string | readonly string[],
    options: { cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(linesOf(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }

  get family(): ErrorFamily {
    return ERRORS[this.code].family;
  }
}

function linesOf(message: string | readonly string[]): string {
  if (typeof message === 'string') return printable(message, SENTENCE_CHARS_MAX);
  return message.slice(0, LINES_MAX).map(indented).join('\n');
}

/** The indentation of a list of ours stays. */
const indented = (line: string): string => `${/^ {0,4}/.exec(line)?.[0] ?? ''}${printable(line, SENTENCE_CHARS_MAX)}`;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value);
}
