/** Answers to whoever asks from inside: probes, notifiers, a gateway that catches up; damaged tables on disk; simulators' controls. */
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Random } from '../sim/random.js';
import { boundary, type Boundary } from './boundary.js';
import { answer, frameBody, type Script } from './generate/answers.js';
import { damage, parted, randomBytes } from './generate/bytes.js';
import { family } from './generate/families.js';
import { damagedJson, jsonText } from './generate/json.js';
import { ChildArena } from './inside/child-arena.js';

const ENGINES = resolve(import.meta.dirname, '../fixtures/engines');
const pages = readdirSync(ENGINES)
  .toSorted()
  .map((name) => readFileSync(join(ENGINES, name), 'latin1').slice(0, 20_000));

const GPU = { gpus: [{ index: 0, status: 'ok', memory_used: 1, memory_total: 2, ecc_errors: 0, temperature: 60 }] };
const MODELS = { object: 'list', data: [{ id: 'm', max_model_len: 4_096, root: 'm' }], models: [{ name: 'm' }] };

const script = (random: Random, body: string): Script => ({
  writes: parted(random, frameBody(random, { body, type: random.pick(['application/json', 'text/plain']) }).bytes),
  end: random.chance(0.02) ? 'stall' : random.pick(['end', 'end', 'reset'] as const),
});

function page(random: Random): string {
  const luck = random.next();
  if (luck < 0.4) return damage(random, random.pick(pages), 6);
  if (luck < 0.6) return `${random.pick(METRICS)}\n`.repeat(random.whole(1, 50));
  return jsonText(random, random.pick([GPU, MODELS]));
}

const METRICS = [
  'vllm:num_requests_running{model_name="m"} 1e999',
  'vllm:num_requests_running NaN',
  'vllm:num_requests_running{model_name="\\"}\x1b[2J"} -1',
  `vllm:num_requests_running{${'a="b",'.repeat(2_000)}} 1`,
  '# TYPE __proto__ counter',
  '__proto__{constructor="x"} 1',
  'vllm:num_requests_running{ 1',
  ' ',
  `x${' '.repeat(5_000)}1`,
];

const probes = boundary<{ readonly script: Script }>({
  name: 'probes',
  generate: (random) => ({
    script: random.chance(0.6)
      ? script(random, page(random))
      : answer(random, { family: family(random), streamed: random.chance(0.7), breaksOff: random.chance(0.2) }),
  }),
  open: async () => await ChildArena.open('probes'),
});

const SLACK = {
  ok: true,
  channel: 'C1',
  ts: '1.2',
  messages: [{ ts: '1.2', metadata: { event_payload: { id: 'k' } } }],
  channels: [{ id: 'C1', name: 'c' }],
  response_metadata: { next_cursor: '' },
  error: 'ratelimited',
};

const notifiers = boundary<{ readonly script: Script; readonly maybe: boolean }>({
  name: 'notifiers',
  generate: (random) => ({ script: script(random, jsonText(random, SLACK)), maybe: random.chance(0.5) }),
  open: async () => await ChildArena.open('notifiers'),
});

const member = { cluster: 'a', url: 'http://127.0.0.1:1', model: 'm', engine: 'vllm', concurrency: 64 };
const definition = {
  service: 'chat',
  strategy: 'weighted',
  members: [member, { ...member, cluster: 'b' }],
  home: { a: 50, b: 50 },
};
const spill = { from: 'a', to: 'b', sharePct: 10, untilMs: 4e12, epoch: 1 };
const route = { definition, epoch: 3, weights: { a: 0, b: 100 }, drained: ['a'], spill, changedAtMs: 5 };
const TABLE = { version: 1, services: { chat: route } };
const PEERS = 3;

const tableText = (random: Random): string =>
  random.chance(0.8)
    ? damagedJson(random, TABLE)
    : random.chance(0.5)
      ? damage(random, JSON.stringify(TABLE))
      : randomBytes(random, 300);

const whole = (body: string): Script => ({
  writes: [`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`],
  end: 'end',
});

const tables = boundary<{ readonly file: string | null; readonly peers: readonly Script[] }>({
  name: 'tables',
  generate: (random) => {
    const file = random.chance(0.7) ? tableText(random) : null;
    if (random.chance(0.4)) return { file, peers: [] };
    // One at least speaks well, so that nobody is waited for.
    const hostile = Array.from({ length: PEERS }, () => script(random, tableText(random)));
    return { file, peers: [...hostile, whole(JSON.stringify(TABLE))] };
  },
  open: async () => await ChildArena.open('tables'),
});

const FAULT = { kind: 'latency', share: 0.5, durationMs: 1_000, afterTokens: 3, as: 'reset', ms: 100, status: 500 };

const simulator = boundary<{ readonly writes: readonly string[] }>({
  name: 'simulator',
  generate: (random) => {
    const body = random.chance(0.9) ? jsonText(random, FAULT) : randomBytes(random, 200);
    const path = random.chance(0.9) ? '/fault' : random.pick(['/state', '/fault?kind=__proto__', '//', '/%ff', '*']);
    const method = random.pick(['POST', 'POST', 'POST', 'GET', 'DELETE']);
    const host = random.pick(['localhost', 'localhost', '127.0.0.1', 'evil.example', '']);
    const head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`;
    return { writes: parted(random, random.chance(0.1) ? damage(random, head) + body : head + body) };
  },
  open: async () => await ChildArena.open('simulator'),
});

export const answersInside: readonly Boundary[] = [probes, notifiers, tables, simulator];
