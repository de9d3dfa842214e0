/**
 * Ollama. Its API answers while the runner behind it hangs, and it has no metrics page: only completions and callers
 * tell. The model list names every model on disk; the one asked for is loaded by the first request, which takes its time.
 */
import { NEVER_CONTINUES } from './continuation.js';
import type { EngineDialect } from './engine.js';
import { readGpuStatus, readMemoryUse, readModelList } from './status-pages.js';

export const ollama: EngineDialect = {
  kind: 'ollama',
  statusMeans: {},
  continuation: NEVER_CONTINUES,
  readMetrics: () => null,
  readModel: readModelList,
  readGpu: readGpuStatus,
  readMemory: readMemoryUse,
};
