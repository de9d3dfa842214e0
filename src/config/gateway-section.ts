/** `gateway`: limits of Understudy's own gateway, and what it keeps and writes. */
import { z } from 'zod';
import { CONVERSATION_STORES, GATEWAY_WORKERS_MAX } from '../domain/fleet.js';
import { apiKeys } from './api-keys.js';
import { baseUrl, duration, envName } from './fields.js';

/** Every write waits for all gateways; more were never tried. */
const GATEWAYS_MAX = 16;
/** OpenAI keeps answers for 30 days. */
const CONVERSATION_TTL_MAX_MS = 30 * 86_400_000;

/** Whoever stops a gateway waits as long. */
const SHUTDOWN_MAX_MS = 3_600_000;

/** More names than any gateway has. */
const HOSTS_MAX = 64;
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])$/;

const conversations = z
  .strictObject({
    store: z.enum(CONVERSATION_STORES).default('disk').meta({
      description: 'disk: the data directory of this machine; redis: several replicas share them; off: not kept.',
    }),
    ttl: duration('How long one is kept after its last answer.', {
      minMs: 1_000,
      maxMs: CONVERSATION_TTL_MAX_MS,
    }).prefault('24h'),
    maxBytes: z.int().min(16_777_216).default(1_073_741_824).meta({
      description: 'Bytes that all of them may take; beyond that the oldest go, of the caller who takes most.',
    }),
    redisUrlEnv: envName('URL of the Redis server.').default('UNDERSTUDY_REDIS_URL'),
  })
  .meta({ description: 'Where conversations of the Responses API are kept.' });

const shutdown = z
  .strictObject({
    delay: duration('How long /readyz says 503 while everybody is served, before the port closes.', {
      minMs: 0,
      maxMs: SHUTDOWN_MAX_MS,
    }).prefault('0s'),
    grace: duration('How long running requests may go on after that.', {
      minMs: 0,
      maxMs: SHUTDOWN_MAX_MS,
    }).prefault('8s'),
  })
  .meta({ description: 'How the gateway ends when it is asked to.' });

export const gateway = z
  .strictObject({
    adminUrl: baseUrl('Admin base URL as the workers reach it; omit it for an instance on one machine.').optional(),
    adminUrls: z
      .array(baseUrl('Admin base URL of one gateway.'))
      .min(1)
      .max(GATEWAYS_MAX)
      .optional()
      .meta({ description: 'Admin base URLs of several gateways that serve the same; in place of adminUrl.' }),
    workers: z
      .union([z.int().min(1).max(GATEWAY_WORKERS_MAX), z.literal('auto')])
      .default(1)
      .meta({ description: 'Processes that serve callers; auto is one a core.' }),
    connectTimeout: duration('To connect to a cluster.').prefault('1s'),
    firstByteTimeout: duration('From request to first byte.').prefault('30s'),
    idleTimeout: duration('Between two bytes of an answer.').prefault('30s'),
    totalTimeout: duration('For one request.').prefault('10m'),
    callerTimeout: duration('How long a caller may send nothing of a request, or read nothing of an answer.', {
      minMs: 100,
    }).prefault('30s'),
    maxConnections: z
      .int()
      .min(16)
      .max(1_000_000)
      .optional()
      .meta({ description: 'Connections of callers to one process; omitted: from its limit of descriptors.' }),
    bodyBytesMax: z
      .int()
      .min(1_024)
      .max(1_073_741_824)
      .default(16_777_216)
      .meta({ description: 'Largest request body, bytes.' }),
    heldBytesMax: z.int().min(1_048_576).max(1_099_511_627_776).optional().meta({
      description:
        'Bytes of requests and answers that one process keeps whole at once; omitted: a quarter of its memory, at most 2 GiB.',
    }),
    shutdown: shutdown.prefault({}),
    conversations: conversations.prefault({}),
    accessLog: z
      .string()
      .regex(/^(?:off|stdout|\/.+)$/, 'this is neither off, stdout nor an absolute path')
      .default('off')
      .meta({
        description: 'One JSON line for every request: off, stdout, or the absolute path of a file.',
        fix: 'write off, stdout, or a path that begins with /',
      }),
    hosts: z
      .array(z.string().regex(HOST, 'this is neither a host name nor an IP address, without a port'))
      .min(1)
      .max(HOSTS_MAX)
      .optional()
      .meta({
        description:
          'Names under which callers reach the gateway; requests for another are refused. Without it, on loopback only names of this machine are served, elsewhere every name.',
        fix: 'write the name alone, such as llm.example.com or 10.0.0.2; IPv6 in brackets',
      }),
    managementRoutes: z.enum(['refuse', 'pass']).default('refuse').meta({
      description:
        'Routes by which engines are managed (adapters, weights, caches, sleep): refuse, or pass for callers.',
    }),
    keys: apiKeys.optional(),
  })
  .superRefine(({ bodyBytesMax, heldBytesMax = Infinity }, ctx) => {
    if (heldBytesMax >= bodyBytesMax) return;
    const fix = `write at least bodyBytesMax, ${bodyBytesMax}`;
    ctx.addIssue({ code: 'custom', path: ['heldBytesMax'], message: 'no body of bodyBytesMax fits', params: { fix } });
  })
  .superRefine(({ adminUrl, adminUrls }, ctx) => {
    if (adminUrl === undefined || adminUrls === undefined) return;
    const fix = 'keep adminUrls, with the URL of every gateway in it';
    ctx.addIssue({ code: 'custom', path: ['adminUrl'], message: 'adminUrls is there too', params: { fix } });
  })
  .meta({ description: "Limits of Understudy's own gateway." });
