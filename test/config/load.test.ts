import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadFleet, parseFleet } from '../../src/config/load.js';
import { publishedSchema } from '../../src/config/json-schema.js';
import { CodedError } from '../../src/domain/errors.js';

const CLUSTERS = `
  eu-a: { url: http://127.0.0.1:8001, region: eu, model: m }
  us-b: { url: http://127.0.0.1:8002, region: us, model: m }`;
const SERVICES = `
  chat: { clusters: [ { name: eu-a, role: primary }, { name: us-b, role: standby } ] }`;

const HASH = 'a'.repeat(64);
const KEY = `  - { name: ada, sha256: ${HASH} }`;
const KEYS = `gateway:\n keys:\n${KEY}`;

const file = (parts: { clusters?: string; services?: string; more?: string } = {}): string =>
  `version: 1\n${parts.more ?? ''}\nclusters:${parts.clusters ?? CLUSTERS}\nservices:${parts.services ?? SERVICES}\n`;

function complaint(text: string): string {
  try {
    parseFleet(text, 'fleet.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError);
    expect((error as CodedError).code).toBe('bad-config');
    return (error as CodedError).message;
  }
  throw new Error('the file was accepted');
}

describe('a sound file', () => {
  test('gets every default, durations in milliseconds', () => {
    const fleet = parseFleet(file(), 'fleet.yaml');
    expect(fleet).toMatchObject({ temporal: null, slack: null, webhook: null, vantages: ['local'] });
    expect(fleet.gateway).toEqual({
      adminUrls: [],
      workers: 1,
      connectTimeoutMs: 1_000,
      firstByteTimeoutMs: 30_000,
      idleTimeoutMs: 30_000,
      totalTimeoutMs: 600_000,
      callerTimeoutMs: 30_000,
      bodyBytesMax: 16_777_216,
      shutdown: { delayMs: 0, graceMs: 8_000 },
      conversations: {
        store: 'disk',
        ttlMs: 86_400_000,
        bytesMax: 1_073_741_824,
        redisUrlEnv: 'UNDERSTUDY_REDIS_URL',
      },
    });
    expect(fleet.services['chat']).toEqual({
      name: 'chat',
      strategy: 'primary-standby',
      members: [
        { cluster: 'eu-a', role: 'primary' },
        { cluster: 'us-b', role: 'standby' },
      ],
      traffic: { layer: 'gateway', driftIntervalMs: 5_000 },
      mode: 'auto',
      move: {
        emergency: [25, 100],
        degraded: [5, 25, 50, 100],
        planned: [1, 5, 25, 50, 100],
        drainTimeoutMs: 300_000,
        stepDeadlineMs: 60_000,
        bakeMs: 2_000,
        slowFirstTokenMs: 5_000,
        cooldownMs: 60_000,
        approvalTimeoutMs: 1_800_000,
        pauseYields: true,
        afterAbsence: 'go-on',
      },
      failback: { policy: 'approve', soakMs: 600_000, flapHalfLifeMs: 900_000 },
      overload: {
        spillMaxPct: 30,
        waitingMax: 256,
        waitMs: 10_000,
        spillIntervalMs: 15_000,
        spillStabilizationMs: 60_000,
      },
      continueBy: 'text',
    });
    const health = { intervalMs: 2_000, fall: 3, rise: 5, gray: { failures: 5, of: 10 } };
    expect(fleet.clusters['eu-a']).toMatchObject({ engine: 'generic', health });
    expect(fleet.clusters['eu-a']?.capacity, 'what nobody said is no limit').toEqual({ concurrency: 64 });
    expect(fleet.clusters['eu-a']?.probes.http).toEqual({ path: '/health', timeoutMs: 5_000 });
  });

  test.each<[string, object]>([
    ['{ concurrency: 8 }', { concurrency: 8, limit: 8 }],
    ['{ concurrency: learned }', { concurrency: 64, limit: 'learned' }],
    ['{}', { concurrency: 64 }],
  ])('capacity: %s', (capacity, expected) => {
    const clusters = `\n  eu-a: { url: http://127.0.0.1:8001, region: eu, model: m, capacity: ${capacity} }\n  us-b: { url: http://127.0.0.1:8002, region: us, model: m }`;
    expect(parseFleet(file({ clusters }), 'fleet.yaml').clusters['eu-a']?.capacity).toEqual(expected);
  });

  test('the example in the repository is one', () => {
    expect(Object.keys(loadFleet('examples/understudy.yaml').services)).toEqual(['chat']);
  });

  test('a base URL loses its last slash, a probe can be changed, switched off and switched on', () => {
    const fleet = parseFleet(
      file({
        clusters: `
  eu-a: { url: http://127.0.0.1:8001/, region: eu, model: m, engine: vllm, probes: { http: { timeout: 3s }, memory: { max: 0.8 }, metrics: false, latency: { max: 900ms } } }
  us-b: { url: http://127.0.0.1:8002, region: us, model: m }`,
      }),
      'fleet.yaml',
    );
    expect(fleet.clusters['eu-a']?.url).toBe('http://127.0.0.1:8001');
    expect(fleet.clusters['eu-a']?.probes).toMatchObject({
      http: { path: '/health', timeoutMs: 3_000 },
      memory: { path: '/gpu-memory', timeoutMs: 5_000, usedMax: 0.8 },
      metrics: null,
      latency: { maxMs: 900 },
    });
  });

  test('a service’s health timeout holds for the http check of its clusters, but not over their own', () => {
    const fleet = parseFleet(
      file({
        clusters: `
  eu-a: { url: http://127.0.0.1:8001, region: eu, model: m }
  us-b: { url: http://127.0.0.1:8002, region: us, model: m, probes: { http: { timeout: 4s } } }`,
        services: `
  chat: { clusters: [ { name: eu-a, role: primary }, { name: us-b, role: standby } ], health: { timeout: 700ms } }`,
      }),
      'fleet.yaml',
    );
    expect(fleet.clusters['eu-a']?.probes.http?.timeoutMs).toBe(700);
    expect(fleet.clusters['us-b']?.probes.http?.timeoutMs).toBe(4_000);
  });

  test('a cluster of two services is watched at the shorter interval', () => {
    const services = `
  slow: { strategy: round-robin, clusters: [ { name: eu-a } ], health: { interval: 5s, fall: 9 } }
  quick: { strategy: weighted, clusters: [ { name: eu-a }, { name: us-b } ], health: { interval: 1s, fall: 2 } }`;
    const { clusters, services: made } = parseFleet(file({ services }), 'fleet.yaml');
    expect(clusters['eu-a']?.health).toMatchObject({ intervalMs: 1_000, fall: 2 });
    expect(made['slow']?.members).toEqual([{ cluster: 'eu-a', role: 'active' }]);
  });

  test('anchors and merge keys work', () => {
    const clusters = `
  eu-a: &base { url: http://127.0.0.1:8001, region: eu, model: m }
  us-b: { <<: *base, url: http://127.0.0.1:8002 }`;
    expect(parseFleet(file({ clusters }), 'fleet.yaml').clusters['us-b']).toMatchObject({ region: 'eu', model: 'm' });
  });
});

describe('what is wrong is told with its place and a fix', () => {
  test.each<[string, string, RegExp]>([
    [
      'an unknown key',
      file({ more: 'vantage: [local]' }),
      /^fleet\.yaml:2:1: unknown key `vantage`\. Fix: did you mean `vantages`\?$/,
    ],
    [
      'a duration without a unit',
      file({ more: 'gateway: { idleTimeout: 30 }' }),
      /:2:25: .*must be a text\. Fix: write a number with a unit/,
    ],
    [
      'a duration that is none',
      file({ more: 'gateway: { idleTimeout: 30 sec }' }),
      /:2:25: .*not a duration\. Fix: write a number with a unit/,
    ],
    [
      'one gateway and several',
      file({ more: 'gateway: { adminUrl: "http://a:1", adminUrls: ["http://a:1", "http://b:1"] }' }),
      /adminUrls is there too.*Fix: keep adminUrls/s,
    ],
    ['no worker at all', file({ more: 'gateway: { workers: 0 }' }), /:2:21: /],
    ['a duration out of bounds', file({ more: 'gateway: { idleTimeout: 48h }' }), /:2:25: .*out of bounds/],
    [
      'a URL with a path',
      file({ clusters: CLUSTERS.replace('8001', '8001/v1') }),
      /:4:16: .*no path.* Fix: write http:\/\/127\.0\.0\.1:8001;/,
    ],
    [
      'a URL with a password',
      file({ clusters: CLUSTERS.replace('127.0.0.1:8001', 'u:hunter2@h') }),
      /may not carry a user or password/,
    ],
    ['a URL of another protocol', file({ clusters: CLUSTERS.replace('http:', 'ftp:') }), /not an http or https URL/],
    [
      'a bad name',
      file({ clusters: `${CLUSTERS}\n  Eu_C: { url: http://h, region: eu, model: m }` }),
      /:6:3: .*not a name that can be used/,
    ],
    [
      'a missing key',
      file({ clusters: CLUSTERS.replace(', model: m', '') }),
      /:4:3: `clusters\.eu-a\.model` is missing\. Fix: add `model:`/,
    ],
    [
      'an unknown member',
      file({ services: SERVICES.replace('us-b', 'us-c') }),
      /no cluster `us-c` is described.*did you mean `us-b`\?/,
    ],
    ['no primary', file({ services: SERVICES.replace('primary', 'standby') }), /no cluster is the primary/],
    ['two primaries', file({ services: SERVICES.replace('standby', 'primary') }), /this is a second primary/],
    ['a member twice', file({ services: SERVICES.replace('us-b', 'eu-a') }), /cluster `eu-a` stands here twice/],
    ['a member without a role', file({ services: SERVICES.replace(', role: standby', '') }), /`us-b` has no role/],
    [
      'a primary where there is none',
      file({ services: SERVICES.replace('{ clu', '{ strategy: weighted, clu') }),
      /strategy weighted has no primary/,
    ],
    [
      'a service without clusters',
      file({ services: '\n  chat: { clusters: [] }' }),
      /`services\.chat\.clusters` is too small/,
    ],
    [
      'two models in one service',
      file({ clusters: CLUSTERS.replace(/m }$/, 'other }') }),
      /`us-b` serves another model than `eu-a`/,
    ],
    [
      'a ramp that does not end with 100',
      file({ services: SERVICES.replace(' } ] }', ' } ], move: { planned: [5, 50] } }') }),
      /the last step is not 100/,
    ],
    [
      'a ramp that falls',
      file({ services: SERVICES.replace(' } ] }', ' } ], move: { planned: [50, 50, 100] } }') }),
      /the steps do not rise/,
    ],
    [
      'a share above 100',
      file({ services: SERVICES.replace(' } ] }', ' } ], move: { planned: [101] } }') }),
      /too large\. Fix: at most 100/,
    ],
    [
      'a window smaller than its failures',
      file({ services: SERVICES.replace(' } ] }', ' } ], health: { gray: { failures: 9, of: 8 } } }') }),
      /`failures` is larger than `of`/,
    ],
    ['mode frozen', file({ services: SERVICES.replace(' } ] }', ' } ], mode: frozen }') }), /understudy freeze/],
    [
      'an unknown layer',
      file({ services: SERVICES.replace(' } ] }', ' } ], traffic: { layer: nginx } }') }),
      /Fix: write gateway/,
    ],
    ['a key in place of its hash', file({ more: KEYS.replace(HASH, 'sk-understudy-SECRET') }), /`understudy keys new/],
    ['a caller twice', file({ more: `${KEYS}\n${KEY.replace(HASH, 'b'.repeat(64))}` }), /this name stands at another/],
    ['a hash twice', file({ more: `${KEYS}\n${KEY.replace('ada', 'bob')}` }), /this sha256 stands at another key too/],
    [
      'a key for an unknown service',
      file({ more: KEYS.replace(' }', ', services: [chap] }') }),
      /no service `chap` .+ Fix: did you mean `chat`/,
    ],
    ['no keys', file({ more: 'gateway: { keys: [] }' }), /Fix: at least 1/],
    [
      'a cluster’s key by another variable',
      file({ clusters: CLUSTERS.replace('region:', 'apiKeyEnv: SLACK_BOT_TOKEN, region:') }),
      /a variable that ends in _API_KEY/,
    ],
    ['a vantage twice', file({ more: 'vantages: [local, local]' }), /vantage `local` stands here twice/],
    ['a key twice', file({ more: 'version: 1' }), /:2:1: this key stands here twice/],
    ['broken YAML', 'version: "1', /this is not YAML/],
    ['two documents', `${file()}---\na: 1\n`, /a second YAML document/],
    ['a key with a meaning of its own', `__proto__: { version: 1 }\n${file()}`, /this cannot be a key/],
    ['a list instead of a table', '[]', /the file must be a table of keys/],
    ['an alias that holds itself', 'version: &a [*a]', /Fix: write 1/],
  ])('%s', (_what, text, words) => expect(complaint(text)).toMatch(words));

  test('all problems at once, in the order of the file, of shape and of sense', () => {
    const lines = complaint(
      file({
        more: 'vantags: [x]',
        clusters: CLUSTERS.replace('8001', '8001/v1'),
        services: SERVICES.replace('us-b', 'us-c'),
      }),
    ).split('\n');
    expect(lines.map((line) => Number(line.split(':')[1]))).toEqual([2, 4, 7]);
    for (const line of lines) expect(line).toMatch(/^fleet\.yaml:\d+:\d+: .+\. Fix: .+$/);
  });

  test('one mistake is told once', () => {
    expect(complaint(file({ services: SERVICES.replace('role: primary', 'role: primry') })).split('\n')).toHaveLength(
      1,
    );
  });

  test('a token that was written instead of its variable’s name is never repeated', () => {
    expect(complaint(file({ more: 'slack: { channel: "#a", tokenEnv: xoxb-SECRET }' }))).not.toMatch(/SECRET/);
    expect(complaint(file({ clusters: CLUSTERS.replace('127.0.0.1:8001', 'u:hunter2@h') }))).not.toMatch(/hunter2/);
  });

  test('a thousand aliases are refused, and so is a file of many megabytes', () => {
    expect(complaint(`a: &a [1]\nb: [${Array(1_000).fill('*a').join(',')}]`)).toMatch(/anchors are used more than/);
    expect(complaint('#'.repeat(2_000_000))).toMatch(/larger than 1 MiB/);
  });

  test('a file that is not there', () => {
    expect(() => loadFleet('/nowhere/fleet.yaml')).toThrow(/there is no such file\. Fix:/);
  });
});

test('keys of callers and of clusters are taken as they stand; what is left out is no limit', () => {
  const limited = KEYS.replace(' }', ', services: [chat], limits: { requestsPerMinute: 60 } }');
  const clusters = CLUSTERS.replace('region:', 'apiKeyEnv: EU_A_API_KEY, region:');
  const fleet = parseFleet(file({ more: limited, clusters }), 'fleet.yaml');
  const limits = { requestsPerMinute: 60, tokensPerMinute: null, concurrent: null };
  expect(fleet.gateway.keys).toEqual([{ name: 'ada', sha256: HASH, services: ['chat'], limits, priorityMax: 'high' }]);
  expect(Object.values(fleet.clusters).map((c) => c.apiKeyEnv)).toEqual(['EU_A_API_KEY', undefined]);
  expect(parseFleet(file(), 'fleet.yaml').gateway.keys).toBeUndefined();
});

test('config.schema.json is what the schema generates (`understudy config schema`)', () => {
  expect(JSON.parse(readFileSync('config.schema.json', 'utf8'))).toEqual(publishedSchema());
});
