/** The guard's own words about what it would do. */
import type { Explanation } from '../domain/guard/explain.js';
import type { ServiceName } from '../domain/words.js';
import { serviceGuardId } from '../workflows/ids.js';
import { explainQuery } from '../workflows/messages.js';
import { askWorkflow } from './ask.js';
import type { Control } from './control.js';
import { unknownService } from './guards.js';

/** @throws CodedError `unknown-service`, `no-worker`, `temporal-unreachable` */
export async function readExplanation(control: Control, service: ServiceName): Promise<Explanation> {
  const explanation = await askWorkflow(control.client, serviceGuardId(service), explainQuery);
  if (explanation === null) throw await unknownService(control, service);
  return explanation;
}
