/** Which routes of engines are no caller's. */
import { decodedToTheEnd } from './safe-path.js';

/**
 * Routes by which engines are managed. They change what every caller gets (adapters, weights, caches, sleep), or tell how
 * the engine runs. Here are their names below `/v1`: some stand there, others get there by a root path or a proxy. `-`
 * and `_` are one; `*`: any end of the name.
 */
const ROUTES: Readonly<Record<string, string>> = {
  vLLM: `load_lora_adapter* unload_lora_adapter* sleep wake_up is_sleeping reset_* flush_* pause resume is_paused collective_rpc
    scale_elastic_ep is_scaling_elastic_ep init_weight* start_weight* update_weight* finish_weight* get_world_size
    start_profile stop_profile server_info abort_request* load`,
  SGLang: `get_server_info get_internal_state set_internal_state release_memory* resume_memory*
    destroy_weight* send_weight* get_weight* weights_checker pause_generation continue_generation freeze_gc slow_down
    configure_logging set_trace_level start_expert_distribution* stop_expert_distribution* dump_expert_distribution*
    clear_hicache* hicache open_session close_session add_external_corpus remove_external_corpus get_load* loads
    workers add_worker remove_worker list_workers`,
  'TensorRT-LLM': 'metrics perf_metrics energy_metrics prometheus kv_cache_events cluster_info',
  'llama.cpp': 'slots props lora_adapters load_model unload_model models/load models/unload cors_proxy',
  Ollama: 'api',
  Triton: 'v2',
  LMDeploy: 'wakeup distserve nodes terminate',
  Dynamo: 'loras clear_kv_blocks busy_threshold engine',
  AIBrix: 'lora_adapter model',
  TabbyAPI: 'lora template sampling download auth',
  'text-generation-webui': 'internal',
  LocalAI: 'backend backends models/apply models/delete models/pull',
  Xinference: 'model_registrations cluster supervisor cache virtualenvs',
  // With a cluster's own key, a caller would act for the account.
  'hosted APIs': 'organization organizations projects dashboard',
  'any server': 'admin config debug shutdown restart',
};

const ANY_OF_THEM = new RegExp(
  `^(?:${Object.values(ROUTES)
    .flatMap((names) => names.split(/\s+/))
    .map((name) => name.replace('*', '[^/]*'))
    .join('|')})(?:/|$)`,
);

const INVISIBLE = /[\0-\x20\x7f]/g;

/**
 * What a path names below `/v1`, as whatever serves there may read it: decoded to the end, in small letters, without
 * parameters. A further `/v1` counts as none: an engine with a root path drops it.
 */
function routeOf(path: string): string {
  return decodedToTheEnd(path)
    .toLowerCase()
    .split(/[/\\]/)
    .map(bareSegment)
    .filter((segment) => segment !== '')
    .join('/')
    .replace(/^(?:v1(?:\/|$))+/, '');
}

/** Python's `$` is also before a last line end: a route with `%0a` behind it is that route. */
const bareSegment = (segment: string): string => (segment.split(/[;?#]/, 1)[0] ?? '').replace(INVISIBLE, '');

/** `path`: without its query. */
export const isManagementRoute = (path: string): boolean => ANY_OF_THEM.test(routeOf(path).replaceAll('-', '_'));
