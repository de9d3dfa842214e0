/**
 * The page of NVIDIA's DCGM exporter: one set of samples a GPU. `DCGM_FI_DEV_XID_ERRORS` is the number of the last error,
 * 0 for none, and it stays after the error has passed, until the driver's counters are reset. So only errors count that a
 * GPU does not get over by itself; those of applications (13, 31, 43 …) say nothing about the card.
 */
import { labelOf, readSamples, samplesOf, type Sample } from './prometheus.js';

/**
 * 48: an uncorrectable memory error; 64: a row could not be remapped; 79: the card has left the bus; 95: an uncontained
 * memory error. Each needs a reset of the card or of the host (NVIDIA's table of Xid errors).
 */
export const FATAL_XIDS: ReadonlySet<number> = new Set([48, 64, 79, 95]);

const XID = 'DCGM_FI_DEV_XID_ERRORS';
const USED = 'DCGM_FI_DEV_FB_USED';
const FREE = 'DCGM_FI_DEV_FB_FREE';
const NAMES: ReadonlySet<string> = new Set([XID, USED, FREE]);
/** MiB; DCGM's "no value" is a number far above any card. */
const MEMORY_MIB_MAX = 2 ** 30;

export interface DcgmSeen {
  /** Unhealthy when any GPU had a fatal error; `xid` is that one. `null` without any error sample. */
  readonly gpu: { readonly healthy: boolean; readonly xid?: number } | null;
  /** The fullest GPU, 0-1. `null` when no GPU tells both what is used and what is free. */
  readonly memory: { readonly used: number } | null;
}

/** @param labels only samples that carry all of them, with these values; for clusters that share a node */
export function readDcgm(page: string, labels: Readonly<Record<string, string>> = {}): DcgmSeen {
  const samples = readSamples(page, NAMES);
  const wanted = Object.entries(labels);
  const of = (name: string): readonly Sample[] =>
    samplesOf(samples, name).filter((sample) => wanted.every(([label, value]) => labelOf(sample, label) === value));
  return { gpu: judgeXids(of(XID)), memory: fullest(of(USED), of(FREE)) };
}

function judgeXids(samples: readonly Sample[]): DcgmSeen['gpu'] {
  if (samples.length === 0) return null;
  const fatal = samples.find(({ value }) => FATAL_XIDS.has(value));
  return fatal === undefined ? { healthy: true } : { healthy: false, xid: fatal.value };
}

function fullest(used: readonly Sample[], free: readonly Sample[]): DcgmSeen['memory'] {
  const freeOf = new Map(free.map((sample) => [cardOf(sample), sample.value]));
  const shares = used.flatMap((sample) => {
    const left = freeOf.get(cardOf(sample));
    return left !== undefined && isMemory(sample.value) && isMemory(left) && sample.value + left > 0
      ? [sample.value / (sample.value + left)]
      : [];
  });
  return shares.length === 0 ? null : { used: shares.reduce((a, b) => Math.max(a, b)) };
}

/** A card is known by its UUID; an instance of a partitioned card has a number beside it. */
function cardOf(sample: Sample): string {
  return ['UUID', 'uuid', 'gpu', 'GPU_I_ID', 'Hostname'].map((label) => labelOf(sample, label) ?? '').join('|');
}

const isMemory = (mib: number): boolean => mib >= 0 && mib < MEMORY_MIB_MAX;
