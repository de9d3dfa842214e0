import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { freePorts, isFree, portOwner, requireFreePorts } from '../../src/temporal/ports.js';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function listen(): Promise<number> {
  const server = createServer();
  open.push(server);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return (server.address() as { port: number }).port;
}

test('ports that were free a moment ago are different ones, and free', async () => {
  const ports = await freePorts(5);
  expect(new Set(ports).size).toBe(5);
  expect(await Promise.all(ports.map(isFree))).toEqual([true, true, true, true, true]);
});

test('every taken port is named, with its purpose', async () => {
  const [a, b] = [await listen(), await listen()];
  const [free = 0] = await freePorts(1);
  const wanted = [
    { port: a, purpose: 'gateway' },
    { port: free, purpose: 'Temporal' },
    { port: b, purpose: 'Temporal UI' },
  ];
  const failure = requireFreePorts(wanted);
  await expect(failure).rejects.toMatchObject({ code: 'port-taken' });
  const { message } = (await failure.catch((error: unknown) => error)) as Error;
  expect(message).toContain(`port ${a} (gateway) is in use`);
  expect(message).toContain(`port ${b} (Temporal UI) is in use`);
  expect(message).not.toContain(String(free));
});

test.runIf(process.platform === 'linux')('the owner of a port is found', async () => {
  expect(await portOwner(await listen())).toMatchObject({ pid: process.pid });
  const [free = 0] = await freePorts(1);
  expect(await portOwner(free)).toBeNull();
});
