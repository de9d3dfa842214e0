/** What the admin API accepts; anything else is `bad-input` with the field's name. */
import { z } from 'zod';
import { API_KEY_ENV_PATTERN } from '../../domain/cluster-key.js';
import { CodedError } from '../../domain/errors.js';
import { CONTINUE_BY, ENGINES } from '../../domain/fleet.js';
import { parseJson } from '../../domain/outside.js';

/** Names go into paths, logs and metrics. `v1` would be the public API's own first path segment. */
const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'letters, digits, ".", "_" and "-", at most 63')
  .refine((value) => value !== 'v1' && value !== '__proto__', 'is reserved');

const httpUrl = z
  .string()
  .max(2_048)
  .refine((value) => {
    const url = URL.canParse(value) ? new URL(value) : null;
    return url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '';
  }, 'must be an http(s) URL without credentials');

const weights = z.record(name, z.number());
const epoch = z.int().min(0);
/** Place of a write within its epoch; a writer that does not count sends none. */
const step = z.int().min(0).optional();

export const serviceDefinitionSchema = z.object({
  service: name,
  strategy: z.enum(['primary-standby', 'round-robin', 'weighted']),
  members: z
    .array(
      z.object({
        cluster: name,
        url: httpUrl,
        model: z.string().min(1).max(512),
        // A table written before engines were told knows none: nothing is continued there until it is defined again.
        engine: z.enum(ENGINES).default('generic'),
        concurrency: z.number().positive(),
        limit: z.union([z.int().positive(), z.literal('learned')]).optional(),
        apiKeyEnv: z.string().regex(API_KEY_ENV_PATTERN, 'must end in _API_KEY').optional(),
      }),
    )
    .min(1)
    .max(100)
    .refine((members) => new Set(members.map((m) => m.cluster)).size === members.length, 'names a cluster twice'),
  home: weights,
  overload: z
    .object({
      spillMaxPct: z.number().min(0).max(100),
      waitingMax: z.int().min(0).max(10_000),
      waitMs: z.int().min(0).max(600_000),
    })
    .optional(),
  continueBy: z.enum(CONTINUE_BY).optional(),
});

export const weightsOrderSchema = z.object({ epoch, step, weights });
export const fenceOrderSchema = z.object({ epoch, step });
export const drainOrderSchema = z.object({
  epoch,
  step,
  cluster: name,
  rehome: z.boolean().default(false),
  handOver: z.boolean().default(false),
});
/** Longest lease: a controller renews in seconds, and one that is dead must not decide for long. */
const SPILL_MS_MAX = 10 * 60_000;
export const spillOrderSchema = z.object({
  epoch,
  step,
  from: name,
  to: name,
  sharePct: z.number().min(0).max(100),
  forMs: z.int().min(0).max(SPILL_MS_MAX),
});
/** A move waits for it: nobody's cache is worth more than half a minute of that. */
const WARM_MS_MAX = 30_000;
export const warmOrderSchema = z.object({
  epoch,
  step,
  cluster: name,
  max: z.int().min(1).max(64).default(32),
  timeoutMs: z.int().min(1).max(WARM_MS_MAX).default(10_000),
});
export const undrainOrderSchema = z.object({ epoch, step, cluster: name });

/** @throws CodedError `bad-input`, naming each wrong field */
export function parseOrder<T>(schema: z.ZodType<T>, body: Buffer): T {
  const json = parseJson(body.toString('utf8'));
  if (json.kind === 'refused') throw new CodedError('bad-input', `the body cannot be read: ${json.why}`);
  const parsed = schema.safeParse(json.value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
  throw new CodedError('bad-input', issues.join('; '));
}
