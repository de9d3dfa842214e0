/** A trace and the default settings: what production would have done. */
import { parseFleet } from '../../config/load.js';
import { CodedError } from '../../domain/errors.js';
import type { ClusterSpec, ServiceSpec } from '../../domain/fleet.js';
import { Simulation } from '../../domain/simulation/simulate.js';
import type { TraceHeader } from '../../domain/simulation/trace.js';
import type { Trace } from './read-trace.js';

/** Runs a whole trace. @throws CodedError `bad-input` naming the line that is wrong */
export function runTrace(trace: Trace, fileName: string): Simulation {
  const { service, clusters } = settingsOf(trace.header, fileName);
  const simulation = new Simulation(service, clusters);
  for (const tick of trace.ticks()) simulation.take(tick);
  return simulation;
}

/**
 * The header as a configuration file that says nothing else: so the settings are the defaults, whatever these are, where
 * it does not say otherwise.
 * @throws CodedError `bad-input` when the header describes no sound configuration
 */
export function settingsOf(
  header: TraceHeader,
  fileName: string,
): { readonly service: ServiceSpec; readonly clusters: readonly ClusterSpec[] } {
  const { interval, service, failback, vantages, clusters, mode, health } = header;
  const hasPrimary = clusters.some((c) => c.role === 'primary');
  const file = {
    version: 1,
    vantages,
    clusters: Object.fromEntries(
      clusters.map((c, i) => [
        c.name,
        {
          url: `http://127.0.0.1:${i + 1}`,
          region: c.region,
          engine: c.engine,
          model: c.model,
          capacity: { concurrency: c.concurrency },
          ...(c.probes === undefined ? {} : { probes: c.probes }),
        },
      ]),
    ),
    services: {
      [service]: {
        strategy: hasPrimary ? 'primary-standby' : 'round-robin',
        clusters: clusters.map(({ name, role }) => ({ name, role })),
        ...(mode === undefined ? {} : { mode }),
        health: { ...health, interval: `${Math.round(interval * 1_000)}ms` },
        failback: { policy: failback },
      },
    },
  };
  try {
    const fleet = parseFleet(JSON.stringify(file), fileName);
    const spec = fleet.services[service];
    if (spec !== undefined) return { service: spec, clusters: Object.values(fleet.clusters) };
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    // The positions are those of the file that we made up.
    const lines = cause.message.split('\n').map((line) => line.replace(/^(.*?):\d+:\d+: /u, '$1:1: '));
    throw new CodedError('bad-input', lines, { cause });
  }
  throw new CodedError('bad-input', `${fileName}:1: the service ${service} is missing`);
}
