/** Every workflow type that a control worker runs; the export's name is the type's name. */
export { clusterHealth } from './cluster-health.js';
export { governor } from './governor.js';
export { move } from './move.js';
export { serviceGuard } from './service-guard.js';
export { story } from './story.js';
