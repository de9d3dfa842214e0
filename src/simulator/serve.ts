/** Entry of the serving child. It lives exactly as long as its host: when the channel closes, it ends. */
import type { AddressInfo } from 'node:net';
import type { FromChild, ToChild } from './messages.js';
import { createServingApp, type ServingApp } from './serving-app.js';

let app: ServingApp | null = null;

function tell(message: FromChild): void {
  process.send?.(message);
}

function start({ settings, faults }: Extract<ToChild, { kind: 'start' }>): void {
  const started = createServingApp(settings);
  app = started;
  started.setFaults(faults);
  started.server.once('error', (error) => {
    tell({ kind: 'cannot-serve', why: error.message });
    process.exitCode = 1;
    process.disconnect();
  });
  started.server.listen(settings.port, settings.host, () => {
    tell({ kind: 'serving', port: (started.server.address() as AddressInfo).port });
  });
}

process.on('message', (message: ToChild) => {
  if (message.kind === 'start') {
    start(message);
    return;
  }
  app?.setFaults(message.faults);
  tell({ kind: 'applied', revision: message.revision });
});

process.on('disconnect', () => {
  app?.close();
  process.exit();
});

// A terminal's Ctrl-C reaches the whole group; only the host decides when serving ends.
process.on('SIGINT', () => undefined);
