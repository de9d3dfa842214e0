/** Routes by which engines are managed change what everybody gets: callers reach them in no spelling. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { gateway, service, stopAll, upstream, type Lab } from './kit.js';
import { sendRaw, statusesOf } from './raw.js';
import { answerAs, type Upstream } from './upstream.js';

let cluster: Upstream;
let lab: Lab;
let open: Lab;

beforeAll(async () => {
  cluster = await upstream(answerAs('a'));
  lab = await gateway([service({ a: cluster.url }, { a: 100 })]);
  open = await gateway([service({ a: cluster.url }, { a: 100 })], { settings: { managementRoutes: 'pass' } });
});
beforeEach(() => cluster.requests.splice(0));
afterAll(stopAll);

const ask = async (url: string, path: string, method = 'POST'): Promise<string> =>
  await sendRaw(url, [
    `${method} ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}`,
  ]);

describe('refused, and no cluster hears of it:', () => {
  test.each(
    (
      'load_lora_adapter unload_lora_adapter sleep?level=2 wake_up is_sleeping reset_prefix_cache reset_mm_cache pause ' +
      'collective_rpc start_profile stop_profile server_info abort_requests load flush_cache load_lora_adapter_from_tensors ' +
      'update_weights update_weights_from_disk update_weights_from_distributed update_weights_from_tensor ' +
      'init_weights_update_group get_weights_by_name get_server_info set_internal_state release_memory_occupation ' +
      'resume_memory_occupation abort_request pause_generation configure_logging loads workers metrics perf_metrics ' +
      'slots slots/0?action=erase props lora-adapters models/load models/unload api/pull api/delete api/create api/copy ' +
      'api/push api/blobs/sha256:0 v2/repository/models/m/unload v2/systemsharedmemory/region/r/register ' +
      'lora_adapter/load model/load lora/unload download internal/model/load backend/shutdown model_registrations/LLM ' +
      'loras clear_kv_blocks distserve/p2p_connect organization/admin_api_keys organizations/api_keys debug/pprof shutdown'
    ).split(' '),
  )('/v1/%s', async (route) => {
    const answer = await ask(lab.url, `/v1/${route}`);
    expect(statusesOf(answer)).toEqual([403]);
    expect(answer).toContain('"code":"of-operators"');
    expect(cluster.requests).toEqual([]);
  });

  test.each([
    '/v1/LOAD_LORA_ADAPTER',
    '/v1/Load_Lora_Adapter',
    '/v1/load-lora-adapter',
    '/v1/load_lora_adapter/',
    '/v1/load_lora_adapter//',
    '/v1//load_lora_adapter',
    '/v1///load_lora_adapter?x=/v1/models',
    '/v1/%6coad_lora_adapter',
    '/v1/%256Coad_lora_adapter',
    '/v1/%25%36%63oad_lora_adapter',
    '/v1/load%5Flora%5fadapter',
    '/v1/load_lora_adapter%2f',
    '/v1%2F/load_lora_adapter',
    '/v1/%2fload_lora_adapter',
    '/v1/%5cload_lora_adapter',
    '/v1/\\load_lora_adapter',
    '/v1/load_lora_adapter;x=1',
    '/v1/;x/load_lora_adapter',
    '/v1/load_lora_adapter%3bx',
    '/v1/load_lora_adapter%0a',
    '/v1/load_lora_adapter%20',
    '/v1/load_lora_adapter%00',
    '/v1/load_lora_adapter#x',
    '/v1/load_lora_adapter%23x',
    '/v1/load_lora_adapter%3Fx',
    '/chat/v1/load_lora_adapter',
    '/chat/v1/v1/load_lora_adapter',
    '/chat/v1/V1/sleep',
    '/v1/api%2Fpull',
    '/v1/./load_lora_adapter',
    '/v1/models/../load_lora_adapter',
    '/v1/models/%2e%2e/load_lora_adapter',
    '/v1/models/%25%32%65%25%32%65/load_lora_adapter',
    '/v1/models/..;/load_lora_adapter',
    '/V1/load_lora_adapter',
    '//v1/load_lora_adapter',
    '/load_lora_adapter',
    '/sleep',
    '/api/pull',
    '/v2/repository/models/m/load',
    '/metrics',
    'http://localhost/v1/load_lora_adapter',
  ])('%s', async (path) => {
    const [status] = statusesOf(await ask(lab.url, path));
    expect([400, 403, 404]).toContain(status);
    expect(cluster.requests).toEqual([]);
  });

  test.each(['GET', 'PUT', 'DELETE', 'PATCH'])('by %s', async (method) => {
    expect(statusesOf(await ask(lab.url, '/v1/unload_lora_adapter', method))).toEqual([403]);
    expect(cluster.requests).toEqual([]);
  });
});

test.each(['x-original-url', 'x-rewrite-url', 'x-http-method-override'])('%s reaches no cluster', async (name) => {
  expect((await lab.chat({}, { headers: { [name]: '/sleep' } })).status).toBe(200);
  expect(Object.keys(cluster.requests[0]?.headers ?? {})).not.toContain(name);
});

test.each(['chat/completions', 'rerank', 'score', 'tokenize', 'batches', 'loader', 'sleepy', 'fine_tuning/jobs'])(
  '/v1/%s is served',
  async (route) => {
    expect(statusesOf(await ask(lab.url, `/v1/${route}`))).toEqual([200]);
    expect(cluster.requests[0]?.url).toBe(`/v1/${route}`);
  },
);

test('managementRoutes: pass lets them through', async () => {
  expect(statusesOf(await ask(open.url, '/v1/load_lora_adapter'))).toEqual([200]);
  expect(cluster.requests[0]?.url).toBe('/v1/load_lora_adapter');
});
