/** All boundaries, by the names that `--only` takes. */
import { adminOrders } from './admin-orders.js';
import { answersInside } from './answers-inside.js';
import type { Boundary } from './boundary.js';
import { callerRequests } from './caller-requests.js';
import { clusterAnswers } from './cluster-answers.js';
import { redisAnswers } from './redis-answers.js';
import { workflowMessages } from './workflow-messages.js';

export const BOUNDARIES: readonly Boundary[] = [
  clusterAnswers(1),
  clusterAnswers(2),
  callerRequests(1),
  callerRequests(2),
  adminOrders(1),
  adminOrders(2),
  redisAnswers,
  ...answersInside,
  workflowMessages,
];
