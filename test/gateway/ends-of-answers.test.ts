/** What throws when an answer has ended costs nobody anything: not the process, and not those who wait for the same end. */
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { faults } from '../../src/gateway/boundary.js';
import { httpServer } from '../../src/gateway/http-server.js';
import { eventually } from '../kit/eventually.js';

const thrown: unknown[] = [];
const note = (error: unknown): void => void thrown.push(error);
process.on('uncaughtException', note);
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

test.each(['reads its answer', 'leaves in the middle'])('of a caller that %s', async (how) => {
  let taken = 0;
  const server = httpServer((_req, res) => {
    taken++;
    res.once('close', () => {
      throw new Error('planted');
    });
    res.once('close', () => taken--);
    res.write('x');
    if (how === 'reads its answer') res.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => (server.closeAllConnections(), server.close()));
  const before = faults.byPlace['request'] ?? 0;
  const { port } = server.address() as AddressInfo;
  for (let caller = 0; caller < 3; caller++) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    ends.push(() => socket.destroy());
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    socket.once('data', () => how === 'leaves in the middle' && socket.resetAndDestroy());
  }
  await eventually(() => (faults.byPlace['request'] ?? 0) === before + 3 && taken === 0);
  expect(thrown).toEqual([]);
});
