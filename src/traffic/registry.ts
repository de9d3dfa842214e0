/** Every traffic layer there is. An unknown one is an error that lists these; nothing falls back to another. */
import { CodedError } from '../domain/errors.js';
import type { TrafficLayerName } from '../domain/fleet.js';
import { openGateway, type GatewayLayerOptions } from './gateway.js';
import type { TrafficLayer } from './traffic-layer.js';

/** What opening a layer needs, one entry a layer. */
export interface TrafficLayerOptions {
  readonly gateway: GatewayLayerOptions;
}

const LAYERS: { readonly [Name in TrafficLayerName]: (options: TrafficLayerOptions[Name]) => TrafficLayer } = {
  gateway: openGateway,
};

/** @throws CodedError `bad-config` for a layer that does not exist */
export function openTrafficLayer<Name extends TrafficLayerName>(
  name: Name,
  options: TrafficLayerOptions[Name],
): TrafficLayer {
  if (Object.hasOwn(LAYERS, name)) return LAYERS[name](options);
  throw new CodedError('bad-config', `no traffic layer "${name}"; there are: ${Object.keys(LAYERS).join(', ')}`);
}
