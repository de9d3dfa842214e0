/** All boundaries, by the names that `--only` takes. */
import type { Boundary } from './boundary.js';
import { clusterAnswers } from './cluster-answers.js';

export const BOUNDARIES: readonly Boundary[] = [clusterAnswers(1), clusterAnswers(2)];
