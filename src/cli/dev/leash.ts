/**
 * Preloaded into every child of `understudy dev`: when the parent is gone, however it went, the IPC channel closes and
 * the child ends as if it had been told to, by force after a while.
 */
const GRACE_MS = 5_000;

process.once('disconnect', () => {
  setTimeout(() => process.exit(1), GRACE_MS).unref();
  process.kill(process.pid, 'SIGTERM');
});
// Listening for the parent must not keep a child alive that has nothing else to do.
process.channel?.unref();
