/**
 * The shape of the configuration file: what may stand where, and every default. `config.schema.json` is generated from
 * it (json-schema.ts) and docs/configuration.md describes it. What needs more than one place to judge is in cross-checks.ts.
 */
import { z } from 'zod';
import { CONTINUE_BY, ENGINES, OVERLOAD_DEFAULTS, TRAFFIC_LAYERS } from '../domain/fleet.js';
import { PROBES_PER_HOUR_MIN } from '../domain/health/probe-budget.js';
import { anyHttpUrl, apiKeyEnvName, baseUrl, duration, envName, name, path, pattern } from './fields.js';
import { gateway } from './gateway-section.js';

/** More members than this in one service were never tried. */
const MEMBERS_MAX = 32;
const RAMP_STEPS_MAX = 20;
const VANTAGES_MAX = 16;

const probeTimeout = duration('How long an answer may take.', { minMs: 10, maxMs: 120_000 }).optional();
const off = z.literal(false).meta({ description: 'This cluster has no such check.' });
const probe = <Shape extends z.ZodRawShape>(what: string, shape: Shape) =>
  z
    .union([off, z.strictObject(shape)])
    .optional()
    .meta({ description: what });

/** One page a node; more nodes than this in one cluster were never tried. */
const DCGM_PAGES_MAX = 16;
const dcgmPage = anyHttpUrl('Page of a DCGM exporter.');
const dcgm = z
  .union([
    dcgmPage,
    z.strictObject({
      urls: z.array(dcgmPage).min(1).max(DCGM_PAGES_MAX).meta({ description: 'Pages, one a node of the cluster.' }),
      labels: z
        .record(z.string().regex(/^[a-zA-Z_]\w{0,63}$/, 'this is not the name of a label'), z.string().max(256))
        .default({})
        .meta({ description: 'Only GPUs whose samples carry these labels, such as `pod` or `gpu`.' }),
    }),
  ])
  .optional()
  .meta({ description: 'Ask DCGM exporters instead of a path of the cluster.' });

const GOLDEN_PROMPTS_MAX = 20;
const golden = z
  .union([
    z.boolean(),
    z
      .array(
        z.strictObject({
          prompt: z
            .string()
            .min(1)
            .max(2_000)
            .meta({ description: 'What is asked; a line with a number precedes it.' }),
          expect: pattern('What the answer must match, anywhere in it.'),
        }),
      )
      .min(1)
      .max(GOLDEN_PROMPTS_MAX),
  ])
  .meta({
    description:
      'Questions whose answers are known, one of them at a time; `false` for a model that cannot repeat a few words: any whole answer is right then.',
  });

const budget = z
  .strictObject({
    share: z.number().gt(0).max(1).optional().meta({ description: 'Largest share of the capacity, 0 to 1.' }),
    perHour: z
      .int()
      .min(PROBES_PER_HOUR_MIN)
      .max(1_000_000)
      .optional()
      .meta({ description: 'Most completions in an hour.' }),
    atOnce: z.int().min(1).max(100).optional().meta({ description: 'Most completions at a time.' }),
  })
  .meta({ description: 'What the completions may cost the cluster, from all vantages together.' });

const probes = z
  .strictObject({
    http: probe('Health endpoint: status 200.', { path: path.optional(), timeout: probeTimeout }),
    gpu: probe('GPU status: must say `healthy`.', { path: path.optional(), timeout: probeTimeout, dcgm }),
    memory: probe('GPU memory: share in use.', {
      path: path.optional(),
      timeout: probeTimeout,
      dcgm,
      max: z.number().gt(0).max(1).optional().meta({ description: 'Largest share in use, 0 to 1.' }),
    }),
    latency: probe('Slowest acceptable answer of any check.', { max: duration('Slowest answer.', { maxMs: 120_000 }) }),
    metrics: probe('Engine metrics: progress and load.', { path: path.optional(), timeout: probeTimeout }),
    generation: probe('A real completion of a few tokens.', {
      timeout: probeTimeout,
      every: duration('Pause between two completions when no real answer was seen.', { minMs: 100 }).optional(),
      maxTokens: z
        .int()
        .min(2)
        .max(64)
        .optional()
        .meta({ description: 'Tokens to ask for; two at least, to time the second one.' }),
      golden: golden.optional(),
      budget: budget.optional(),
    }),
    identity: probe('Which model is served.', { path: path.optional(), timeout: probeTimeout }),
  })
  .meta({ description: 'Changes to what the engine checks by default; `false` switches a check off.' });

const cluster = z
  .strictObject({
    url: baseUrl('Base URL, without /v1.'),
    region: name('Where it stands.'),
    engine: z
      .enum(ENGINES)
      .default('generic')
      .meta({ description: 'Which dialect its health, metrics and models speak.' }),
    model: z.string().min(1).max(256).meta({ description: 'Model id that this cluster must serve.' }),
    apiKeyEnv: apiKeyEnvName('Key with which this cluster is asked.').optional(),
    capacity: z
      .strictObject({
        concurrency: z
          .union([z.int().min(1).max(1_000_000), z.literal('learned')])
          .optional()
          .meta({
            description:
              'Requests at once: plans count on them, and the gateway lets no more through. `learned`: the gateway finds out. Omitted: no limit.',
            fix: 'write a whole number from 1 to 1000000, or learned',
          }),
      })
      .prefault({})
      .meta({ description: 'What it can carry.' }),
    probes: probes.prefault({}),
  })
  .meta({ description: 'One LLM serving deployment.' });

const health = z
  .strictObject({
    interval: duration('Pause between two checks.', { minMs: 20, maxMs: 300_000 }).prefault('2s'),
    timeout: duration('Timeout of the http check; without it the engine says (generic 5s, vllm 1s).', {
      minMs: 10,
      maxMs: 120_000,
    }).optional(),
    fall: z.int().min(1).max(100).default(3).meta({ description: 'Failures in a row that make a verdict.' }),
    rise: z.int().min(1).max(100).default(5).meta({ description: 'Successes in a row that clear it.' }),
    gray: z
      .strictObject({ failures: z.int().min(1).max(100).default(5), of: z.int().min(1).max(100).default(10) })
      .prefault({})
      .refine((g) => g.failures <= g.of, {
        error: '`failures` is larger than `of`',
        path: ['failures'],
        params: { fix: 'no window of `of` checks can hold that many' },
      })
      .meta({ description: 'The second way down: `failures` of the last `of` checks.' }),
  })
  .meta({
    description:
      'How the clusters of this service are watched. A cluster of several services: the shortest interval wins.',
  });

/** Percent on the target after each step: rising, and 100 at the end, or the move would stop half-way. */
const ramp = (what: string) =>
  z
    .array(z.number().gt(0).max(100))
    .min(1)
    .max(RAMP_STEPS_MAX)
    .meta({ description: `${what} Percent of traffic on the target after each step; rises, ends with 100.` })
    .superRefine((steps, ctx) => {
      const falls = steps.findIndex((pct, i) => i > 0 && pct <= (steps[i - 1] ?? 0));
      if (falls > 0) {
        ctx.addIssue({
          code: 'custom',
          path: [falls],
          message: 'the steps do not rise',
          params: { fix: `a step is larger than the one before it, which is ${steps[falls - 1]}` },
        });
      }
      if (steps.at(-1) !== 100) {
        ctx.addIssue({ code: 'custom', message: 'the last step is not 100', params: { fix: 'end the list with 100' } });
      }
    });

const move = z
  .strictObject({
    emergency: ramp('Ramp away from a cluster that is dead or stuck.').prefault([25, 100]),
    degraded: ramp('Ramp away from a cluster that limps.').prefault([5, 25, 50, 100]),
    planned: ramp('Ramp of switchovers and failbacks.').prefault([1, 5, 25, 50, 100]),
    drainTimeout: duration('Longest wait for running requests to end.').prefault('5m'),
    stepDeadline: duration('Longest wait for a verdict on a planned step; then the move pauses and asks.').prefault(
      '60s',
    ),
    bake: duration('Shortest watch after a planned step.', { minMs: 0 }).prefault('2s'),
    slowFirstToken: duration('A first token later than this counts as slow.').prefault('5s'),
    cooldown: duration('Pause after a move in which no other automatic move starts.', { minMs: 0 }).prefault('60s'),
    approvalTimeout: duration('How long a question to a person stays open; the default answer is no.').prefault('30m'),
    pauseYields: z.boolean().default(true).meta({
      description: 'Whether a pause ends when a cluster that carries traffic goes down.',
    }),
    afterAbsence: z.enum(['go-on', 'ask']).default('go-on').meta({
      description:
        'What a switchover, a failback or a failover from a degraded cluster does when the traffic layer answers again after an absence longer than stepDeadline.',
    }),
  })
  .meta({ description: 'How traffic is moved.' });

const overload = z
  .strictObject({
    spillMax: z.number().min(0).max(100).default(OVERLOAD_DEFAULTS.spillMaxPct).meta({
      description: 'Largest share of the running requests, percent, that goes to a standby; 0 keeps it free.',
    }),
    waiting: z.int().min(0).max(10_000).default(OVERLOAD_DEFAULTS.waitingMax).meta({
      description: 'Requests that may wait for room; 0 refuses them at once.',
    }),
    wait: duration('Longest wait for room.', { minMs: 0, maxMs: 600_000 }).prefault('10s'),
    spillInterval: duration('Pause between two steps of a spill.', { minMs: 1_000, maxMs: 30_000 }).prefault('15s'),
    spillStabilization: duration('Without overload for this long, a spill shrinks by a step.', {
      minMs: 1_000,
      maxMs: 3_600_000,
    }).prefault('1m'),
  })
  .meta({ description: 'What happens when the clusters that carry are full.' });

const service = z
  .strictObject({
    strategy: z
      .enum(['primary-standby', 'round-robin', 'weighted'])
      .default('primary-standby')
      .meta({ description: 'How requests are split when all is well.' }),
    clusters: z
      .array(
        z.strictObject({
          name: name('A cluster of this file.'),
          role: z.enum(['primary', 'standby', 'active']).optional().meta({
            description: 'primary-standby: primary or standby, to be written. Others: active (default) or standby.',
          }),
        }),
      )
      .min(1)
      .max(MEMBERS_MAX)
      .meta({ description: 'In order of priority.' }),
    traffic: z
      .strictObject({
        layer: z.enum(TRAFFIC_LAYERS).default('gateway'),
        driftInterval: duration('Pause between two looks for weights that somebody else changed.', {
          minMs: 200,
          maxMs: 10_000,
        }).prefault('5s'),
      })
      .prefault({})
      .meta({ description: 'What splits the requests.' }),
    mode: z.enum(['auto', 'approve']).default('auto').meta({
      description: 'auto acts; approve asks a person first.',
      fix: 'write auto or approve; freezing needs an owner and an end: `understudy freeze <service> --for 1h --reason …`',
    }),
    health: health.prefault({}),
    move: move.prefault({}),
    failback: z
      .strictObject({
        policy: z
          .enum(['auto', 'approve', 'never'])
          .default('approve')
          .meta({ description: 'Whether traffic goes home by itself.' }),
        soak: duration('How long the old cluster must have been well.', { minMs: 0 }).prefault('10m'),
        flapHalfLife: duration('In which the flap penalty of the service halves.', {
          minMs: 1_000,
          maxMs: 86_400_000,
        }).prefault('15m'),
      })
      .prefault({})
      .meta({ description: 'The way home.' }),
    overload: overload.prefault({}),
    continueBy: z.enum(CONTINUE_BY).default('text').meta({
      description: 'How the rest of a broken stream is asked for; token-ids: where an engine tells them.',
    }),
  })
  .meta({ description: 'What callers use; served by several clusters.' });

export const fleetFile = z
  .strictObject({
    version: z.literal(1).meta({ description: 'Version of this format.' }),
    temporal: z
      .strictObject({
        address: z
          .string()
          .regex(/^[^\s/:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, 'this is not host:port')
          .meta({ description: 'host:port', fix: 'write it as host:port, such as localhost:7233, without http://' }),
        namespace: z.string().min(1).max(255).default('default'),
      })
      .optional()
      .meta({ description: 'The Temporal service to use; omit it for an embedded one.' }),
    slack: z
      .strictObject({
        channel: z.string().min(1).max(128).meta({ description: 'Channel name or id.' }),
        tokenEnv: envName('Bot token.').default('SLACK_BOT_TOKEN'),
        signingSecretEnv: envName('Signing secret, for the buttons.').optional(),
        apiUrl: anyHttpUrl('Base URL of the Web API; only proxies and tests change it.').optional(),
      })
      .optional()
      .meta({ description: 'Tell people in Slack; omit it to log only.' }),
    webhook: z
      .strictObject({ url: anyHttpUrl('Where stories are posted.'), secretEnv: envName('Signing secret.') })
      .optional()
      .meta({ description: 'Tell another system.' }),
    gateway: gateway.prefault({}),
    vantages: z
      .array(name('A place that probes.'))
      .min(1)
      .max(VANTAGES_MAX)
      .prefault(['local'])
      .meta({ description: 'Places that probe; each needs a probe worker.' }),
    clusters: z.record(name('Name of a cluster.'), cluster).meta({ description: 'All clusters, by name.' }),
    services: z.record(name('Name of a service.'), service).meta({ description: 'All services, by name.' }),
  })
  .meta({ title: 'Understudy configuration', description: 'Clusters, services and how traffic moves between them.' });

/** The file after defaults, durations in milliseconds. */
export type FleetFile = z.output<typeof fleetFile>;
export type ClusterEntry = FleetFile['clusters'][string];
export type ServiceEntry = FleetFile['services'][string];
