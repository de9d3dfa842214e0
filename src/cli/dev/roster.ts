/** Which processes an instance consists of, on which ports, and with which command lines. Pure. */
import { portsOf } from '../../config/instance.js';
import type { Fleet } from '../../domain/fleet.js';
import type { WantedPort } from '../../temporal/ports.js';
import { SIMULATED_CLUSTERS, SIMULATED_CONCURRENCY, SIMULATED_SERVICE } from './simulated-fleet.js';

export interface RosterOrder {
  readonly fleet: Fleet;
  readonly configFile: string;
  readonly dataDir: string;
  readonly portBase: number;
  readonly simulated: boolean;
  /** Requests per second of the simulated callers; `null` for none. */
  readonly rate: number | null;
  /** Temporal of somebody else; `null` for the embedded one. */
  readonly temporal: { readonly address: string; readonly namespace: string } | null;
}

export interface RosterEntry {
  readonly name: string;
  readonly args: readonly string[];
}

export interface Roster {
  readonly ports: readonly WantedPort[];
  readonly temporal: { readonly address: string; readonly namespace: string; readonly uiUrl: string | null };
  readonly gateway: { readonly url: string; readonly adminUrl: string };
  /** All gateways that are written to: the instance's own, unless the configuration names others. */
  readonly adminUrls: readonly string[];
  readonly simulated: Readonly<Record<string, { readonly url: string; readonly controlUrl: string }>>;
  /** Processes by stage: a stage starts when the one before serves, and ends in the opposite order. */
  readonly stages: {
    readonly dataPlane: readonly RosterEntry[];
    readonly workers: readonly RosterEntry[];
    readonly load: readonly RosterEntry[];
  };
}

const LOOPBACK = '127.0.0.1';
const http = (port: number): string => `http://${LOOPBACK}:${port}`;

/** Everything that follows from the fleet and the port base. */
export function rosterOf(order: RosterOrder): Roster {
  const ports = portsOf(order.portBase);
  const gateway = { url: http(ports.gateway), adminUrl: http(ports.gatewayAdmin) };
  const temporal = order.temporal
    ? { ...order.temporal, uiUrl: null }
    : { address: `${LOOPBACK}:${ports.temporal}`, namespace: 'default', uiUrl: http(ports.temporalUi) };
  const configured = order.fleet.gateway.adminUrls;
  const adminUrls = configured.length > 0 ? configured : [gateway.adminUrl];
  return {
    ports: wantedPorts(order),
    temporal,
    gateway,
    adminUrls,
    simulated: simulatedUrls(order),
    stages: {
      dataPlane: [gatewayEntry(order), ...simulatedEntries(order)],
      workers: workerEntries(order, { temporal, adminUrls }),
      load: order.simulated && order.rate !== null ? [loadEntry(gateway.url, order.rate)] : [],
    },
  };
}

/** Where a simulated cluster serves, before there is a fleet. */
export function simulatedUrl(portBase: number, index: number): string {
  return http(portsOf(portBase).simulated(index).serve);
}

function simulatedUrls({ simulated, portBase }: RosterOrder): Roster['simulated'] {
  if (!simulated) return {};
  const ports = portsOf(portBase);
  return Object.fromEntries(
    SIMULATED_CLUSTERS.map(({ name }, i) => {
      const { serve, control } = ports.simulated(i);
      return [name, { url: http(serve), controlUrl: http(control) }];
    }),
  );
}

function wantedPorts({ portBase, simulated, temporal }: RosterOrder): WantedPort[] {
  const ports = portsOf(portBase);
  const embedded = [
    { port: ports.temporal, purpose: 'Temporal' },
    { port: ports.temporalUi, purpose: 'Temporal UI' },
    { port: ports.temporalMetrics, purpose: 'Temporal metrics' },
  ];
  const clusters = SIMULATED_CLUSTERS.flatMap(({ name }, i) => [
    { port: ports.simulated(i).serve, purpose: `simulated cluster ${name}` },
    { port: ports.simulated(i).control, purpose: `faults of ${name}` },
  ]);
  return [
    { port: ports.gateway, purpose: 'gateway' },
    { port: ports.gatewayAdmin, purpose: 'gateway admin' },
    ...(temporal === null ? embedded : []),
    ...(simulated ? clusters : []),
  ];
}

function gatewayEntry({ configFile, dataDir, portBase }: RosterOrder): RosterEntry {
  const ports = portsOf(portBase);
  const listen = ['--port', String(ports.gateway), '--admin-port', String(ports.gatewayAdmin)];
  return entry('gateway', ['gateway', '--config', configFile, ...listen, '--data-dir', dataDir]);
}

function simulatedEntries({ simulated, portBase }: RosterOrder): RosterEntry[] {
  if (!simulated) return [];
  return SIMULATED_CLUSTERS.map(({ name, model }, i) => {
    const { serve, control } = portsOf(portBase).simulated(i);
    const listen = ['--port', String(serve), '--control-port', String(control)];
    const serves = ['--model', model, '--concurrency', String(SIMULATED_CONCURRENCY)];
    return entry(`sim ${name}`, ['sim', 'cluster', '--name', name, ...listen, ...serves]);
  });
}

function workerEntries(
  { fleet, configFile }: RosterOrder,
  { temporal, adminUrls }: Pick<Roster, 'temporal' | 'adminUrls'>,
): RosterEntry[] {
  const reach = [
    '--address',
    temporal.address,
    '--namespace',
    temporal.namespace,
    '--gateway-admin',
    adminUrls.join(','),
  ];
  return [
    entry('worker control', ['worker', 'control', '--config', configFile, ...reach]),
    ...fleet.vantages.map((vantage) =>
      entry(`worker probe ${vantage}`, ['worker', 'probe', '--vantage', vantage, ...reach]),
    ),
  ];
}

function loadEntry(url: string, rate: number): RosterEntry {
  const args = ['sim', 'load', '--url', url, '--model', SIMULATED_SERVICE, '--rate', String(rate)];
  return entry('sim load', args);
}

const entry = (name: string, args: readonly string[]): RosterEntry => ({ name, args });
