/**
 * Ends a process that knows nothing of us when we are gone, even by kill -9. A shell waits for the end of a pipe that
 * only we hold open: the kernel closes it with us. A shell and no Node, because it costs 1 MB instead of 40.
 */
import { spawn } from 'node:child_process';

/** Waits for the end of its standard input, then ends the process named by its first argument, by force after 5 s. */
export const WATCHDOG_SCRIPT = `
cat >/dev/null
kill -TERM "$1" 2>/dev/null || exit 0
for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; kill -0 "$1" 2>/dev/null || exit 0; done
kill -KILL "$1" 2>/dev/null
`;

/** @returns call it when the process has ended by other means, before its pid can be somebody else's. */
export function endWithUs(pid: number): () => void {
  // Detached: a Ctrl-C in the terminal goes to the whole group and must not take the watchdog away.
  const dog = spawn('sh', ['-c', WATCHDOG_SCRIPT, 'understudy-watchdog', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  dog.on('error', () => undefined); // no shell: the next start ends what is left over
  dog.unref();
  (dog.stdin as unknown as { unref?: () => void }).unref?.();
  return () => {
    dog.kill('SIGKILL');
  };
}
