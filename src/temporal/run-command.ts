/** Runs one command to its end, bounded in time and in output. */
import { spawn } from 'node:child_process';

export interface CommandOrder {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

export interface CommandResult {
  readonly ok: boolean;
  /** Standard output, then standard error; at most the last 64 KiB. */
  readonly output: string;
  /** One line: why it is not ok. Empty when it is. */
  readonly why: string;
}

const OUTPUT_CHARS_MAX = 64 * 1024;

/** Never rejects: a command that cannot even start is an answer too. */
export function runCommand(order: CommandOrder): Promise<CommandResult> {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(order.command, [...order.args], {
      ...(order.cwd === undefined ? {} : { cwd: order.cwd }),
      env: order.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: order.timeoutMs,
      killSignal: 'SIGKILL',
    });
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-OUTPUT_CHARS_MAX);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (error) => resolve({ ok: false, output, why: error.message }));
    child.once('close', (code, signal) => {
      const why = signal === null ? `exit ${code}` : `ended by ${signal} (limit ${order.timeoutMs / 1000} s)`;
      resolve(code === 0 ? { ok: true, output, why: '' } : { ok: false, output, why });
    });
  });
}

/** Last line of a command's output that says something, for an error in one line. */
export function lastLine(output: string): string {
  return output.trim().split('\n').at(-1)?.trim() ?? '';
}
