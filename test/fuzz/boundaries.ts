/** All boundaries, by the names that `--only` takes. */
import type { Boundary } from './boundary.js';
import { callerRequests } from './caller-requests.js';
import { clusterAnswers } from './cluster-answers.js';
import { workflowMessages } from './workflow-messages.js';

export const BOUNDARIES: readonly Boundary[] = [
  clusterAnswers(1),
  clusterAnswers(2),
  callerRequests(1),
  callerRequests(2),
  workflowMessages,
];
