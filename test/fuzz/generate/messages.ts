/** Messages to our workflows: each with an argument as it should be, which the generator then damages. */
import type { Random } from '../../sim/random.js';
import { clusterSpec, serviceSpec } from '../../kit/fleet.js';
import { jsonText } from './json.js';

export const WORKFLOWS = ['guard', 'cluster', 'governor', 'story', 'move'] as const;
export type WorkflowName = (typeof WORKFLOWS)[number];

export interface Message {
  readonly how: 'signal' | 'update' | 'query';
  readonly name: string;
  /** Arguments as text, which may be no JSON; and how the sender says that they are written. */
  readonly args: readonly string[];
  readonly encoding: string;
}

/** Stand for the names that the workflow under test has. */
export const SERVICE_NAME = 'SERVICE-NAME';

const who = { by: 'me', reason: 'a test', via: 'cli' };
const verdict = {
  verdict: 'dead',
  sinceMs: 1,
  evidence: [{ dimension: 'http', seen: 'refused', threshold: '3', sinceMs: 1, by: 'eu' }],
};
const clusterVerdict = { cluster: 'a', diagnosis: verdict, lastGenerationOkAtMs: 1 };
const members = [
  { cluster: 'a', role: 'primary' },
  { cluster: 'b', role: 'standby' },
];
const hold = { why: 'too many moves', untilMs: 4e12 };

const verbs = (names: readonly string[], argument: object): Record<string, object> =>
  Object.fromEntries(names.map((name) => [name, argument]));

const MOVE_VERBS = verbs(['abort', 'pause', 'resume', 'skip-step', 'approve', 'decline'], who);
const GUARD_VERBS = {
  ...MOVE_VERBS,
  ...verbs(['switchover', 'failover', 'failback'], { ...who, to: 'b', from: 'a' }),
  freeze: { ...who, forMs: 60_000 },
  unfreeze: who,
  maintenance: { ...who, cluster: 'b', forMs: 1_000 },
};

interface Kind {
  /** Wire name of each message, with its argument. */
  readonly signal: Readonly<Record<string, unknown>>;
  readonly update: Readonly<Record<string, unknown>>;
  readonly query: readonly string[];
}

const KINDS: Readonly<Record<WorkflowName, Kind>> = {
  guard: {
    signal: {
      ...GUARD_VERBS,
      'cluster-verdict': clusterVerdict,
      configure: {
        spec: serviceSpec({ name: SERVICE_NAME, members: members as never }),
        clusters: [clusterSpec('a'), clusterSpec('b')],
      },
      'fleet-view': { brake: hold, panic: null },
      'move-progress': { id: `move/${SERVICE_NAME}/1`, step: 'approval', state: 'asking', question: 'go?' },
      'tell-verdict': { service: SERVICE_NAME },
      retire: null,
    },
    update: GUARD_VERBS,
    query: ['status', 'explain', 'order', 'history'],
  },
  cluster: {
    signal: {
      configure: { spec: clusterSpec(SERVICE_NAME), vantages: ['eu', 'us'], services: ['chat'] },
      'tell-verdict': { service: 'chat' },
      retire: null,
    },
    update: {},
    query: ['health', 'order'],
  },
  governor: {
    signal: {
      report: { service: 'chat', clusters: [{ name: 'a', illSinceMs: 1, confirmed: true }], automaticAtMs: [1, 2] },
      leave: { service: 'chat' },
    },
    update: {},
    query: ['fleet'],
  },
  story: {
    signal: {
      tell: {
        head: {
          service: 'chat',
          title: 'chat: a → b',
          state: 'done',
          tone: 'good',
          cause: 'c',
          from: ['a'],
          to: 'b',
          progressPct: 5,
          next: ['x'],
        },
        lines: [{ key: 'k', atMs: 1, text: 'hello', broadcast: false }],
        ended: false,
      },
    },
    update: {},
    query: ['__stack_trace'],
  },
  move: {
    signal: { ...MOVE_VERBS, supersede: { why: 'newer' }, 'member-verdict': { cluster: 'a', diagnosis: verdict } },
    update: MOVE_VERBS,
    query: ['status'],
  },
};

/** The query that must be answered whatever was sent before. */
export const viewOf = (workflow: WorkflowName): string => KINDS[workflow].query[0] ?? '';

export function message(random: Random, workflow: WorkflowName): Message {
  const kind = KINDS[workflow];
  const how = Object.keys(kind.update).length > 0 && random.chance(0.4) ? 'update' : 'signal';
  if (random.chance(0.05))
    return { how: 'query', name: random.pick(kind.query), args: args(random, null), encoding: 'json/plain' };
  const [name, argument] = random.pick(Object.entries(kind[how]));
  const called = random.chance(0.02)
    ? random.pick(['__proto__', 'constructor', '', 'no-such-message', '__temporal_x'])
    : name;
  return { how, name: called, args: args(random, argument), encoding: encoding(random) };
}

function args(random: Random, argument: unknown): string[] {
  const luck = random.next();
  if (luck < 0.03) return [];
  if (luck < 0.06) return [jsonText(random, argument), jsonText(random, argument)];
  if (luck < 0.08) return ['{"a":'];
  return [jsonText(random, argument)];
}

/** Payloads say how they are written, and whoever sends them may say anything. */
function encoding(random: Random): string {
  return random.chance(0.96)
    ? 'json/plain'
    : random.pick(['binary/null', 'binary/plain', 'json/protobuf', 'x/unknown', '']);
}
