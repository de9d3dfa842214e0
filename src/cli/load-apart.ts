/**
 * Loads a configuration file in a process of its own, with a limit of time and memory: a file that is huge, deep, slow to
 * open or a pipe must not hold up the process that serves callers.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CodedError } from '../domain/errors.js';
import type { Fleet } from '../domain/fleet.js';
import { parseFields, textOf } from '../domain/outside.js';

const BIN = fileURLToPath(new URL('../../bin/understudy.js', import.meta.url));
/** A busy machine takes a second to start a process. */
const TIMEOUT_MS = 20_000;
const HEAP_MIB = 512;
/** Defaults filled in, a file of the largest size says about ten times as much. */
const OUTPUT_BYTES_MAX = 32 * 1_048_576;

/** @throws CodedError `bad-config`, also when the file cannot be checked within the limits */
export async function loadFleetApart(file: string, timeoutMs = TIMEOUT_MS): Promise<Fleet> {
  const args = [`--max-old-space-size=${HEAP_MIB}`, BIN, 'config', 'check', '--json', '-f', file];
  const { failed, out } = await new Promise<{ failed: string | null; out: string }>((resolve) => {
    const limits = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX } as const;
    const child = execFile(process.execPath, args, limits, (error, stdout) => {
      process.off('exit', end);
      resolve({ failed: error === null ? null : error.killed === true ? 'took too long' : 'failed', out: stdout });
    });
    // One that waits for a pipe would wait on when nobody is left to end it.
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
  });
  const said = parseFields(out, { charsMax: OUTPUT_BYTES_MAX });
  // What our own check says is a fleet; its shape was proved there.
  if (failed === null && said !== null) return said as unknown as Fleet;
  const error = said === null ? null : (said['error'] as { readonly message?: unknown } | undefined);
  const message = textOf(error?.message);
  throw new CodedError(
    'bad-config',
    message === null ? `${file}: its check ${failed ?? 'gave no answer'}. Nothing was changed` : message.split('\n'),
  );
}
