/**
 * Asks each of the origins that it is started with, one after the other, over connections that are shared by those that
 * are the same. A process of its own, for which authorities a process believes is settled when it starts
 * (`NODE_EXTRA_CA_CERTS`). Prints what came of each: a body, or an error's code.
 */
import { askWhole } from '../../../src/gateway/upstream/ask-whole.js';
import { Connections } from '../../../src/gateway/upstream/connections.js';

const request = { method: 'POST', path: '/', headers: ['authorization', 'Bearer secret'], body: Buffer.from('secret') };
const origins = new Map<string, Connections>();
const heard: string[] = [];
for (const origin of process.argv.slice(2)) {
  const connections = origins.get(origin) ?? new Connections(origin, { connectTimeoutMs: 20_000, connectionsMax: 2 });
  origins.set(origin, connections);
  try {
    const { body } = await askWhole(connections, request, { bytesMax: 1_000, timeoutMs: 20_000 });
    heard.push(body.toString());
  } catch (error) {
    heard.push(String((error as NodeJS.ErrnoException).code));
  }
}
for (const connections of origins.values()) connections.destroy();
console.log(JSON.stringify(heard));
