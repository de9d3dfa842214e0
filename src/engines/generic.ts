/** Any engine that answers the four simple checks; it has no metrics that we could know the meaning of. */
import { NEVER_CONTINUES } from './continuation.js';
import type { EngineDialect } from './engine.js';
import { readGpuStatus, readMemoryUse, readModelList } from './status-pages.js';

export const generic: EngineDialect = {
  kind: 'generic',
  statusMeans: {},
  continuation: NEVER_CONTINUES,
  readMetrics: () => null,
  readModel: readModelList,
  readGpu: readGpuStatus,
  readMemory: readMemoryUse,
};
