/** Whoever has the admin token: orders with anything in them. The service that they are about may change as they say, no other. */
import type { Random } from '../sim/random.js';
import { boundary, type Arena, type Boundary } from './boundary.js';
import { ADMIN_TOKEN } from './gateway/gateway-under-test.js';
import { GatewayArena, mustBeItsOwn, newMark, SERVICE } from './gateway/gateway-arena.js';
import { callRaw } from './gateway/raw-caller.js';
import type { Script } from './generate/answers.js';
import { damage, parted, randomBytes } from './generate/bytes.js';
import { jsonText } from './generate/json.js';

interface OrderCase {
  readonly orders: readonly (readonly string[])[];
}

const generate = (random: Random): OrderCase => ({
  orders: Array.from({ length: random.whole(1, 6) }, () => order(random)),
});

const member = {
  cluster: 'a',
  url: 'http://127.0.0.1:1',
  model: 'm',
  engine: 'vllm',
  concurrency: 64,
  limit: 'learned',
};
const definition = {
  service: SERVICE,
  strategy: 'weighted',
  members: [member, { ...member, cluster: 'b', apiKeyEnv: 'X_API_KEY' }],
  home: { a: 50, b: 50 },
  overload: { spillMaxPct: 20, waitingMax: 10, waitMs: 100 },
  continueBy: 'text',
};

const ORDERS: readonly (readonly [string, string, unknown])[] = [
  ['PUT', `/services/${SERVICE}`, definition],
  ['DELETE', `/services/${SERVICE}`, null],
  ['PUT', `/routes/${SERVICE}`, { epoch: 1, weights: { a: 0, b: 100 } }],
  ['PUT', `/fence/${SERVICE}`, { epoch: 2 }],
  ['PUT', `/spill/${SERVICE}`, { epoch: 1, from: 'a', to: 'b', sharePct: 10, forMs: 1_000 }],
  ['POST', `/warm/${SERVICE}`, { epoch: 1, cluster: 'b', max: 2, timeoutMs: 100 }],
  ['POST', `/drain/${SERVICE}`, { epoch: 1, cluster: 'a', rehome: true, handOver: true }],
  ['POST', `/undrain/${SERVICE}`, { epoch: 1, cluster: 'a' }],
  ['GET', `/state/${SERVICE}`, null],
  ['GET', `/hot/${SERVICE}`, null],
  ['GET', '/state', null],
  ['GET', '/table', null],
  ['GET', '/metrics', null],
];

/** Of a path; none of them names the honest caller's service. */
const ODD_PATHS = [
  '/services/__proto__',
  '/services/constructor',
  '/routes/toString',
  '/state/%',
  '/state/%ff',
  `/routes/${'x'.repeat(5_000)}`,
  '//services/x',
  '/services/',
  '/nothing/x',
  '/__proto__/x',
  '*',
];

function order(random: Random): string[] {
  const [method, path, right] = random.pick(ORDERS);
  const target = random.chance(0.9) ? path : random.pick(ODD_PATHS);
  const body =
    right === null && random.chance(0.8)
      ? ''
      : random.chance(0.95)
        ? jsonText(random, right)
        : randomBytes(random, 200);
  const token = random.chance(0.97) ? `authorization: Bearer ${ADMIN_TOKEN}\r\n` : 'authorization: Bearer \xff\r\n';
  const type = random.pick([
    'content-type: application/json\r\n',
    'content-type: application/json\r\n',
    '',
    'content-type: text/plain\r\n',
  ]);
  const length = random.chance(0.95) ? body.length : random.pick([0, 1e6, body.length + 3]);
  const head = `${method} ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${token}${type}content-length: ${length}\r\n\r\n`;
  return parted(random, random.chance(0.05) ? damage(random, head) + body : head + body, 4);
}

const whole: Script = {
  writes: ['HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'],
  end: 'keep',
};

async function play(arena: GatewayArena, { orders }: OrderCase): Promise<void> {
  await arena.define('vllm');
  for (const cluster of [arena.first, arena.second]) cluster.says(whole);
  for (const writes of orders) {
    mustBeItsOwn(await callRaw(arena.gateway.adminUrl, { writes, leave: 'end' }), newMark());
    arena.gateway.mustBeWhole();
  }
  await arena.define('vllm'); // whatever was ordered, it can be ordered anew
  await arena.check();
}

export const adminOrders = (workers: number): Boundary =>
  boundary<OrderCase>({
    name: workers === 1 ? 'admin' : `admin-${workers}-workers`,
    generate,
    open: async (): Promise<Arena<OrderCase>> => {
      const arena = await GatewayArena.open({ workers });
      return {
        play: async (one) => await play(arena, one),
        checkNowAndThen: async () => await arena.checkNowAndThen(),
        close: async () => await arena.close(),
      };
    },
  });
