/** The command line of the embedded server, and the ports on which it listens behind our doors. */
import { browserProofPorts } from './browser-proof-ports.js';
import { DYNAMIC_CONFIG } from './dynamic-config.js';
import { SEARCH_ATTRIBUTES } from './search-attributes.js';
import type { ServerOrder } from './start-server.js';

/** Its HTTP listeners, which ask nobody who he is. gRPC needs no such port: no page can speak it. */
export interface InnerPorts {
  readonly ui: number;
  readonly metrics: number;
  readonly http: number;
}

const LOOPBACK = '127.0.0.1';
const INNER_PORTS = 3;

export async function innerPorts({ port }: Pick<ServerOrder, 'port'>): Promise<InnerPorts> {
  const [ui = 0, metrics = 0, http = 0] = await browserProofPorts(INNER_PORTS, Math.floor(port / 100) * INNER_PORTS);
  return { ui, metrics, http };
}

export function serverArguments(
  { port, namespace, headless, dynamicConfig }: ServerOrder,
  { databaseFile, inner }: { readonly databaseFile: string; readonly inner: InnerPorts },
): string[] {
  return [
    'server',
    'start-dev',
    ...['--ip', LOOPBACK, '--port', String(port), '--http-port', String(inner.http)],
    ...['--metrics-port', String(inner.metrics)],
    ...(headless ? ['--headless'] : ['--ui-port', String(inner.ui)]),
    ...['--db-filename', databaseFile, '--namespace', namespace, '--log-level', 'error', '--color', 'never'],
    ...SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
    ...Object.entries({ ...DYNAMIC_CONFIG, ...dynamicConfig }).flatMap(([key, json]) => [
      '--dynamic-config-value',
      `${key}=${json}`,
    ]),
  ];
}
