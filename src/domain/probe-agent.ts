/** The `User-Agent` of a probe: whoever reads a cluster's access log sees who asks, and from where. */
import type { Vantage } from './words.js';

export const PROBE_AGENT = 'understudy-probe';

/** `null`: a probe of no vantage, such as a completion that a move asks for. */
export const probeAgent = (vantage: Vantage | null): string =>
  vantage === null ? PROBE_AGENT : `${PROBE_AGENT}/${vantage}`;
