/**
 * What bench:watch looks at: one process that answers as many vLLM servers and their gateway would, on one port each.
 * Answers are made beforehand and written to bare sockets, so that the targets cost less than what is measured.
 *
 * Messages: `{ports, gatewayPort}` once; then on each message from the parent `{connections, requests}` so far.
 */
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { FIRST_TOKEN_BUCKETS_MS, type TrafficState } from '../../src/domain/traffic.js';

const METRICS = readFileSync(new URL('../fixtures/engines/vllm-0.32.0-metrics.txt', import.meta.url), 'utf8');
const REQUEST_END = Buffer.from('\r\n\r\n');

const seen = { connections: 0, requests: 0 };
const PAGES: Readonly<Record<string, Buffer>> = {
  '/health': answer(''),
  '/gpu-status': answer('{"status":"healthy"}'),
  '/gpu-memory': answer('{"used_ratio":0.91}'),
  '/v1/models': answer('{"object":"list","data":[{"id":"m","object":"model"}]}'),
};
/** Two pages in turn, so that the engine makes steps. */
const METRICS_PAGES = ['102.0', '103.0'].map((steps) =>
  answer(METRICS.replace(/^(vllm:iteration_tokens_total_count\{[^}]*\}) .*$/m, `$1 ${steps}`)),
);
const MISSING = Buffer.from('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');

function answer(body: string): Buffer {
  return Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

function serve(respond: (path: string) => Buffer): (socket: Socket) => void {
  return (socket) => {
    seen.connections += 1;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    // A probe sends one small request at a time: it comes in one piece, and only its path matters.
    socket.on('data', (bytes) => {
      if (!bytes.includes(REQUEST_END)) return;
      seen.requests += 1;
      socket.write(respond(bytes.toString('latin1', 0, 256).split(' ', 2)[1] ?? '/'));
    });
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** `/state/<service>`: counters that stand still; the service's name says which clusters it has. */
function stateOf(path: string): Buffer {
  const service = decodeURIComponent(path.slice('/state/'.length));
  const [first = 0, last = 0] = service.split('-').slice(1).map(Number);
  const counters = {
    process: 'p1',
    requests: 0,
    ok: 0,
    client: 0,
    quota: 0,
    cluster: 0,
    cut: 0,
    firstToken: [...FIRST_TOKEN_BUCKETS_MS, 0].map(() => 0),
  };
  const cluster = { inFlight: 0, counters, drained: false, failingSinceMs: null, lastOkAtMs: null };
  const names = Array.from({ length: last - first + 1 }, (_, i) => `c${first + i}`);
  const state: TrafficState = {
    service,
    epoch: 1,
    intended: Object.fromEntries(names.map((name) => [name, 10])),
    effective: Object.fromEntries(names.map((name) => [name, 10])),
    changedAtMs: 0,
    clusters: Object.fromEntries(names.map((name) => [name, cluster])),
    callers: 'unknown',
  };
  return answer(JSON.stringify(state));
}

function pages(): (path: string) => Buffer {
  let turn = 0;
  return (path) => {
    if (path !== '/metrics') return PAGES[path] ?? MISSING;
    turn = 1 - turn;
    return METRICS_PAGES[turn] ?? MISSING;
  };
}

const count = Number(process.argv[2]);
const gatewayPort = await listen(createServer(serve(stateOf)));
const ports: number[] = [];
for (let i = 0; i < count; i += 1) ports.push(await listen(createServer(serve(pages()))));
process.send?.({ ports, gatewayPort });
process.on('message', () => process.send?.({ ...seen }));
process.on('disconnect', () => process.exit(0));
