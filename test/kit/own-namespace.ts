/** A Temporal namespace for one test file: other files' workers do not take its work, nor its lists show their workflows. */
import { randomUUID } from 'node:crypto';
import { openControl } from '../../src/control/control.js';
import { prepareNamespace } from '../../src/control/namespace.js';
import { eventually } from './eventually.js';

const RETENTION = { seconds: 86_400 as never };

/** Registers one, with our search attributes, and waits until the server serves it. @returns its name */
export async function ownNamespace(address: string): Promise<string> {
  const namespace = `test-${randomUUID().slice(0, 8)}`;
  const first = await openControl({ address, namespace: 'default' });
  await first.client.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: RETENTION });
  await first.close();
  // A server sees a new namespace when it refreshes its cache, a second or two later.
  await eventually(async () => {
    const control = await openControl({ address, namespace }).catch(() => null);
    if (control === null) return false;
    const why = await prepareNamespace(control);
    await control.close();
    return why === null;
  }, 60_000);
  return namespace;
}
