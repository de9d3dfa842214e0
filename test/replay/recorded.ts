/**
 * Recorded histories as files: what a workflow really wrote on a real server, in Temporal's own JSON form (the one of
 * `temporal workflow show --output json`), compressed. What names the machine or the process that recorded it is blanked;
 * replay needs none of it.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

/** `histories`: what the runbooks of today must repeat. `bricked`: what nobody can, whichever version wrote it. */
type Shelf = 'histories' | 'bricked';
const folderOf = (shelf: Shelf): string => fileURLToPath(new URL(`./${shelf}/`, import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SUFFIX = '.json.gz';
/** Where in which file something failed. */
const BLANKED = new Set(['stackTrace']);
/** The name of a worker or a client, and of the queue that it has for itself: process id and host. */
const PROCESS_NAME = /^\d+@/u;

type History = Parameters<typeof historyToJSON>[0];

export interface RecordedHistory {
  /** The file's name without its suffix: `<workflow type>-<what happened>`. */
  readonly name: string;
  readonly workflowId: string;
  readonly workflowType: string;
  /** Temporal's JSON form, as `Worker.runReplayHistories` takes it. */
  readonly history: unknown;
  /** The same as text, payloads decoded: what a reader of the file could learn. */
  readonly readable: string;
}

interface RecordedEvents {
  readonly events: readonly {
    readonly workflowExecutionStartedEventAttributes?: {
      readonly workflowId: string;
      readonly workflowType: { readonly name: string };
    };
  }[];
}

/** Every recorded history of a shelf, by name. */
export function readHistories(shelf: Shelf): readonly RecordedHistory[] {
  return readdirSync(folderOf(shelf))
    .filter((file) => file.endsWith(SUFFIX))
    .sort()
    .map((file) => readHistory(join(folderOf(shelf), file)));
}

function readHistory(file: string): RecordedHistory {
  const text = gunzipSync(readFileSync(file)).toString('utf8');
  const history = JSON.parse(text) as RecordedEvents;
  const started = history.events[0]?.workflowExecutionStartedEventAttributes;
  if (started === undefined) throw new Error(`${file} does not begin with the start of a workflow`);
  return {
    name: basename(file, SUFFIX),
    workflowId: started.workflowId,
    workflowType: started.workflowType.name,
    history,
    readable: `${text}\n${payloadsOf(history).join('\n')}`,
  };
}

/** @throws Error when something of this machine is left in it */
export function writeHistory(name: string, history: History, shelf: Shelf = 'histories'): void {
  const text = JSON.stringify(JSON.parse(historyToJSON(history)), blanked);
  const readable = `${text}\n${payloadsOf(JSON.parse(text)).join('\n')}`;
  const telling = [ROOT, homedir(), hostname()].filter((word) => word.length > 3 && readable.includes(word));
  if (telling.length > 0) throw new Error(`${name} would tell where it was recorded: ${telling.join(', ')}`);
  writeFileSync(join(folderOf(shelf), `${name}${SUFFIX}`), gzipSync(text, { level: 9 }));
}

function blanked(key: string, value: unknown): unknown {
  if (BLANKED.has(key)) return '';
  return typeof value === 'string' && PROCESS_NAME.test(value) ? 'recorder' : value;
}

/** Old ones would be replayed for ever, whoever made them. */
export function removeHistories(): void {
  const folder = folderOf('histories');
  for (const file of readdirSync(folder)) if (file.endsWith(SUFFIX)) rmSync(join(folder, file));
}

/** Payloads are base64 in JSON; anywhere in the tree, `data` is one. */
function payloadsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'data' && typeof inner === 'string' ? [Buffer.from(inner, 'base64').toString('utf8')] : payloadsOf(inner),
  );
}
