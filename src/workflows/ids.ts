/** Workflow ids and task queues: the only place that spells them. */
import type { ClusterName, ServiceName, Vantage } from '../domain/words.js';

export const CONTROL_TASK_QUEUE = 'control';
export const probeTaskQueue = (vantage: Vantage): string => `probe.${vantage}`;

export const clusterHealthId = (cluster: ClusterName): string => `cluster/${cluster}`;
export const serviceGuardId = (service: ServiceName): string => `service/${service}`;
export const moveId = (service: ServiceName, epoch: number): string => `move/${service}/${epoch}`;
/** `about` is a move's id or a running number of the guard: what the story tells of. */
export const storyId = (about: string): string => `story/${about}`;
/** One for the fleet. */
export const GOVERNOR_ID = 'governor';
