/** Keys of the search attributes that our workflows set; registered by `src/temporal/search-attributes.ts`. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);

export const SERVICE_KEY = keyword('UnderstudyService');
export const CLUSTER_KEY = keyword('UnderstudyCluster');
export const REGION_KEY = keyword('UnderstudyRegion');
/** A cluster's verdict, a move's end state. */
export const STATE_KEY = keyword('UnderstudyState');
/** `cluster`, `service`, `move` or `story`. */
export const KIND_KEY = keyword('UnderstudyKind');
/** `failover`, `switchover` or `failback`. */
export const MOVE_KEY = keyword('UnderstudyMove');
