/** The fleet of a newcomer who has none: two simulated clusters and one service, as a file to look at and to change. */

const MODEL = 'llama-3.1-70b';
export const SIMULATED_SERVICE = 'chat';
/** Requests in one batch of a simulated cluster. */
export const SIMULATED_CONCURRENCY = 64;

export interface SimulatedCluster {
  readonly name: string;
  readonly region: string;
  readonly model: string;
}

export const SIMULATED_CLUSTERS: readonly SimulatedCluster[] = [
  { name: 'eu-a', region: 'eu', model: MODEL },
  { name: 'us-b', region: 'us', model: MODEL },
];

/** The configuration file's text. @param urlOf where each cluster serves */
export function simulatedConfig(urlOf: (cluster: SimulatedCluster) => string): string {
  const clusters = SIMULATED_CLUSTERS.map(
    (c) =>
      `  ${c.name}: { url: "${urlOf(c)}", region: ${c.region}, engine: vllm, model: ${c.model}, capacity: { concurrency: ${SIMULATED_CONCURRENCY} } }`,
  );
  const members = SIMULATED_CLUSTERS.map(
    ({ name }, i) => `      - { name: ${name}, role: ${i === 0 ? 'primary' : 'standby'} }`,
  );
  return [
    '# Made by `understudy dev` at each start without --config. To keep changes, copy it and name the copy with --config.',
    'version: 1',
    'vantages: [local]',
    'clusters:',
    ...clusters,
    'services:',
    `  ${SIMULATED_SERVICE}:`,
    '    strategy: primary-standby',
    '    clusters:',
    ...members,
    '    traffic: { layer: gateway }',
    '    mode: auto',
    '    # A minute only, so that the way home can be watched.',
    '    failback: { policy: approve, soak: 1m }',
    '',
  ].join('\n');
}
