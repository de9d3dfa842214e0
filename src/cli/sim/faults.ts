/** `sim fault`, `sim clear`, `sim faults`: break and mend the simulated clusters of a running instance. */
import type { Command } from 'commander';
import { formatDuration } from '../../config/duration.js';
import { dataDir, readInstance } from '../../config/instance.js';
import { CodedError } from '../../domain/errors.js';
import { clearFaults, orderFault, readClusterState } from '../../simulator/control-client.js';
import type { ClusterState } from '../../simulator/control-server.js';
import {
  faultKind,
  FAULT_KINDS,
  FAULTS,
  type ActiveFault,
  type FaultKind,
  type ParamSpec,
} from '../../simulator/faults.js';
import { colour, columns, show } from '../output.js';
import { does, verb } from '../verb.js';
import { durationOption, given, numberOption, usageError } from './arguments.js';

interface CommonFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
}

interface FaultFlags extends CommonFlags {
  readonly for?: string;
  readonly share?: string;
  readonly set: readonly string[];
}

type Simulated = Readonly<Record<string, { readonly url: string; readonly controlUrl: string }>>;

const DATA_DIR = ['--data-dir <dir>', 'data directory of the instance'] as const;
const collect = (value: string, all: readonly string[]): readonly string[] => [...all, value];

export function faultVerb(): Command {
  const command = verb('fault', 'Break a simulated cluster (`sim faults` lists the kinds).')
    .argument('<cluster>')
    .argument('<kind>')
    .option('--for <duration>', 'mend it by itself after so long, such as 30s')
    .option('--share <p>', 'share of requests that meet it, 0 to 1')
    .option('--set <name=value>', 'another parameter; may be repeated', collect, [])
    .option(...DATA_DIR);
  return does<FaultFlags>(command, async (flags, cluster = '', kindName = '') => {
    const kind = knownKind(kindName);
    const params = readParams(kind, flags.set);
    const share = numberOption('--share', flags.share, { min: 0, max: 1 });
    const durationMs = durationOption('--for', flags.for);
    const { controlUrl } = findCluster(cluster, flags);
    const fault = await orderFault(controlUrl, { ...params, ...given({ share, durationMs }), kind });
    show(
      { cluster, fault },
      flags.json,
      (on) => `${on.cluster}: ${describe(on.fault)}. ${until(on.fault, on.cluster)}`,
    );
    return undefined;
  });
}

export function clearVerb(): Command {
  const command = verb('clear', 'End one fault of a simulated cluster, or all of them.')
    .argument('<cluster>')
    .argument('[kind]')
    .option(...DATA_DIR);
  return does<CommonFlags>(command, async (flags, cluster = '', kindName?: string) => {
    const kind = kindName === undefined ? null : knownKind(kindName);
    const { controlUrl } = findCluster(cluster, flags);
    const cleared = await clearFaults(controlUrl, kind);
    show({ cluster, cleared }, flags.json, (ended) => `${ended.cluster}: ${whatEnded(ended.cleared)}`);
    return undefined;
  });
}

export function faultsVerb(): Command {
  const command = verb('faults', 'List the kinds of faults, and which are on.').option(...DATA_DIR);
  return does<CommonFlags>(command, async (flags) => {
    const clusters = Object.entries(readInstance(dataDir(flags.dataDir))?.simulated ?? {});
    const states = await Promise.all(clusters.map(async ([name, { controlUrl }]) => await stateOf(name, controlUrl)));
    const kinds = FAULT_KINDS.map((kind) => ({ kind, ...FAULTS[kind] }));
    show({ kinds, clusters: states }, flags.json, ({ clusters: shown }) => listing(shown));
    return undefined;
  });
}

const whatEnded = (kinds: readonly string[]): string =>
  kinds.length === 0 ? 'nothing was on' : `${kinds.join(', ')} cleared`;

function listing(states: readonly StateOrNot[]): string {
  const rows = FAULT_KINDS.map((kind) => [colour.bold(kind), FAULTS[kind].about + paramNames(FAULTS[kind].params)]);
  const nobody =
    'No simulated cluster is running here: `understudy dev` starts some, `--data-dir` names another instance.';
  const active = states.length === 0 ? [nobody] : states.map(describeState);
  return [columns(rows), '', ...active].join('\n');
}

interface StateOrNot {
  readonly cluster: string;
  /** `null`: it does not answer. */
  readonly state: ClusterState | null;
}

async function stateOf(cluster: string, controlUrl: string): Promise<StateOrNot> {
  try {
    return { cluster, state: await readClusterState(controlUrl) };
  } catch (error) {
    if (error instanceof CodedError) return { cluster, state: null };
    throw error;
  }
}

function describeState({ cluster, state }: StateOrNot): string {
  if (state === null) return `${cluster}: does not answer`;
  return `${cluster}: ${state.faults.length === 0 ? 'no fault' : state.faults.map(describe).join('; ')}`;
}

function paramNames(params: Readonly<Record<string, ParamSpec>>): string {
  const names = Object.entries(params).map(([name, spec]) => `${name}=${JSON.stringify(spec.default)}`);
  return names.length === 0 ? '' : colour.dim(` (${names.join(', ')})`);
}

function describe(fault: ActiveFault): string {
  const params = Object.entries(fault.params).map(([name, value]) => `${name}=${String(value)}`);
  return `${fault.kind}${params.length === 0 ? '' : ` (${params.join(', ')})`} is on`;
}

function until(fault: ActiveFault, cluster: string): string {
  if (fault.endsAtMs === null) return `End it with \`understudy sim clear ${cluster} ${fault.kind}\`.`;
  return `It ends by itself after ${formatDuration(fault.endsAtMs - fault.startedAtMs)}.`;
}

/** @throws CodedError `no-instance` or `unknown-cluster` */
function findCluster(name: string, flags: CommonFlags): Simulated[string] {
  const dir = dataDir(flags.dataDir);
  const instance = readInstance(dir);
  if (instance === null) throw new CodedError('no-instance', `no instance is running in ${dir}`);
  const names = Object.keys(instance.simulated);
  const found = Object.hasOwn(instance.simulated, name) ? instance.simulated[name] : undefined;
  if (found !== undefined) return found;
  const known = names.length === 0 ? 'this instance has none' : `there are ${names.join(', ')}`;
  throw new CodedError('unknown-cluster', `no simulated cluster is called "${name}"; ${known}`);
}

function knownKind(name: string): FaultKind {
  return faultKind(name) ?? usageError(`unknown fault "${name}"; the kinds are ${FAULT_KINDS.join(', ')}`);
}

/** `name=value` pairs, each read as the kind of value that the parameter is; its limits are checked by the cluster. */
function readParams(kind: FaultKind, pairs: readonly string[]): Record<string, unknown> {
  const specs: Readonly<Record<string, ParamSpec>> = FAULTS[kind].params;
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', ...rest] = pair.split('=');
      const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
      const known = Object.keys(specs).join(', ') || 'none';
      if (spec === undefined || rest.length === 0) {
        return usageError(`--set takes name=value, and ${kind} has the parameters ${known}; found "${pair}"`);
      }
      const text = rest.join('=');
      if (spec.type === 'number') return [name, numberOption(name, text, spec)];
      return [name, spec.type === 'yes-no' ? text === 'true' || text === 'yes' : text];
    }),
  );
}
