/** Drives a gateway with `wrk`: a caller in Node would be the bottleneck before the gateway is. */
import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

export interface WrkResult {
  readonly requests: number;
  readonly perSecond: number;
  /** Median of one request, microseconds. */
  readonly p50Us: number;
  readonly p99Us: number;
  /** Answers other than 2xx and 3xx, and what broke. */
  readonly failed: number;
}

const MISSING =
  'bench:gateway measures with `wrk`, which is not installed: `sudo apt-get install wrk` (Debian, Ubuntu) or `brew install wrk`';

/** A question of 1.3 kB, as chats have it: long enough to stay with the cluster that has read its beginning. */
const SYSTEM = 'You answer for the help desk of a harbour. Be brief and kind. '.repeat(18);
export const CHAT = JSON.stringify({
  model: 'chat',
  messages: [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: 'Where does the ferry leave?' },
  ],
  max_tokens: 60,
  temperature: 0,
});

/** @throws Error that says how to get it */
export function requireWrk(): void {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'ignore' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Error(MISSING, { cause: error });
    // Its version is told with exit code 1.
  }
}

/** Writes wrk's script. @returns its path */
export function writeScript(file: string, headers: Readonly<Record<string, string>>): string {
  const set = Object.entries({ 'content-type': 'application/json', ...headers });
  const lines = [
    'wrk.method = "POST"',
    `wrk.body = ${JSON.stringify(CHAT)}`,
    ...set.map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`),
    'function done(s, l)',
    '  local failed = s.errors.status + s.errors.connect + s.errors.read + s.errors.timeout',
    '  local p50, p99 = l:percentile(50), l:percentile(99)',
    '  io.write(string.format("RESULT %d %d %d %d %d\\n", s.requests, s.duration, p50, p99, failed))',
    'end',
  ];
  writeFileSync(file, lines.join('\n'));
  return file;
}

export async function wrk(order: {
  readonly url: string;
  readonly script: string;
  readonly connections: number;
  readonly seconds: number;
}): Promise<WrkResult> {
  const { url, script, connections, seconds } = order;
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url];
  const { stdout } = await promisify(execFile)('wrk', args);
  const [requests = 0, durationUs = 0, p50Us = 0, p99Us = 0, failed = 0] = (/RESULT (.*)/.exec(stdout)?.[1] ?? '')
    .split(' ')
    .map(Number);
  return { requests, perSecond: (requests * 1e6) / durationUs, p50Us, p99Us, failed };
}
