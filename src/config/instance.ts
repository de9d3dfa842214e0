/** `instance.json` in the data directory names every address and process of a running instance; every verb finds it there. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '../domain/errors.js';
import { fieldsOf, isFields, listOf, parseJson } from '../domain/outside.js';
import { claimFolder, FILE_MODE, readOwnFile } from './own-files.js';

export interface Instance {
  readonly pid: number;
  readonly startedAt: string;
  readonly portBase: number;
  readonly configFile: string;
  readonly temporal: { readonly address: string; readonly namespace: string; readonly uiUrl: string | null };
  readonly gateway: { readonly url: string; readonly adminUrl: string };
  /** Bearer token of the gateway's admin API; the file is readable by its owner only. */
  readonly adminToken: string;
  /** Simulated clusters: where they serve and where their faults are ordered. Empty for a real fleet. */
  readonly simulated: Readonly<Record<string, { readonly url: string; readonly controlUrl: string }>>;
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
}

export const DATA_DIR_DEFAULT = '.understudy';

/** `--data-dir`, else `UNDERSTUDY_DATA_DIR`, else `.understudy`. */
export function dataDir(option: string | undefined): string {
  return option ?? process.env['UNDERSTUDY_DATA_DIR'] ?? DATA_DIR_DEFAULT;
}

/**
 * The instance of this data directory, or `null` when none is described there.
 * @throws CodedError `foreign-file` when somebody else may have written it, `bad-config` when it says something else
 */
export function readInstance(dir: string): Instance | null {
  const path = join(dir, 'instance.json');
  let text: string;
  try {
    text = readOwnFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const read = parseJson(text);
  if (read.kind === 'parsed' && isInstance(read.value)) return read.value;
  const why = read.kind === 'refused' ? read.why : 'it is not what `understudy dev` writes';
  throw new CodedError(
    'bad-config',
    `${path} cannot be read: ${why}. Nothing was asked or sent; start the instance anew`,
  );
}

/** All that verbs take from it: whoever reads it asks these addresses. */
function isInstance(value: unknown): value is Instance {
  const { pid, temporal, gateway, adminToken, simulated, processes } = fieldsOf(value);
  const { address, namespace } = fieldsOf(temporal);
  const { url, adminUrl } = fieldsOf(gateway);
  const isNamed = [address, namespace, adminToken].every((each) => typeof each === 'string');
  return (
    isPid(pid) &&
    isNamed &&
    [url, adminUrl].every(isUrl) &&
    isFields(simulated) &&
    Object.values(simulated).every((each) => isUrl(fieldsOf(each)['url']) && isUrl(fieldsOf(each)['controlUrl'])) &&
    (listOf(processes)?.every((each) => isPid(fieldsOf(each)['pid'])) ?? false)
  );
}

/** Never 0 or below: signals to those go to many. */
const isPid = (value: unknown): boolean => typeof value === 'number' && Number.isInteger(value) && value > 0;

const isUrl = (value: unknown): boolean => typeof value === 'string' && /^https?:/u.test(value) && URL.canParse(value);

export function writeInstance(dir: string, instance: Instance): void {
  claimFolder(dir);
  // Renamed into place: whoever reads meanwhile sees the old one or the new one, never half of it.
  const draft = join(dir, `instance.json.${process.pid}`);
  writeFileSync(draft, `${JSON.stringify(instance, null, 2)}\n`, { mode: FILE_MODE });
  renameSync(draft, join(dir, 'instance.json'));
}

export function removeInstance(dir: string): void {
  rmSync(join(dir, 'instance.json'), { force: true });
}

/** Ports of an instance, all from one base (README, "Ports"). */
export function portsOf(base: number): {
  readonly gateway: number;
  readonly gatewayAdmin: number;
  readonly temporal: number;
  readonly temporalUi: number;
  readonly temporalMetrics: number;
  readonly simulated: (index: number) => { readonly serve: number; readonly control: number };
} {
  return {
    gateway: base + 1,
    gatewayAdmin: base + 2,
    temporal: base + 10,
    temporalUi: base + 11,
    temporalMetrics: base + 12,
    simulated: (index) => ({ serve: base + 20 + index, control: base + 40 + index }),
  };
}
