/** The shape of a trace (docs/decisions.md, "Traces"). Unknown keys are ignored: a newer recorder may know more than we do. */
import { z } from 'zod';
import { VERDICTS } from '../../domain/words.js';

const name = z.string().min(1).max(200);
const count = z.number().nonnegative();
const text = z.string().max(10_000);
/** Settings in the words of the configuration file, which checks them. */
const words = z.record(z.string(), z.unknown());

export const headerLine = z.object({
  trace: z.string().max(200).default('unnamed'),
  about: text.optional(),
  interval: z.number().positive().max(3_600),
  service: name,
  mode: z.enum(['auto', 'approve']).optional(),
  health: words.optional(),
  failback: z.enum(['auto', 'approve', 'never']).default('approve'),
  vantages: z.array(name).min(1).max(100),
  clusters: z
    .array(
      z.object({
        name,
        role: text.default('active'),
        engine: text.default('generic'),
        region: text.default('unknown'),
        model: name,
        concurrency: z.int().min(1).default(64),
        probes: words.optional(),
      }),
    )
    .min(1)
    .max(100),
  expect: z
    .object({
      moves: z.array(z.object({ kind: text, from: name, to: name, after: z.number(), within: z.number() })).optional(),
      verdicts: z.array(z.object({ cluster: name, is: z.enum(VERDICTS), at: z.number() })).optional(),
    })
    .optional(),
});

const http = z.object({
  status: z.number().optional(),
  error: text.optional(),
  ms: count.default(0),
  body: text.optional(),
  says: z.enum(['loading', 'failing']).optional(),
  fresh: z.boolean().optional(),
});
const known = z.number().nullable().default(null);

const seen = z.object({
  http: http.nullish(),
  fresh: http.nullish(),
  gpu: z.object({ healthy: z.boolean(), xid: z.number().optional() }).nullish(),
  memory: z.object({ used: z.number() }).nullish(),
  metrics: z
    .object({
      age: count.default(0),
      running: known,
      waiting: known,
      steps: known,
      tokens: known,
      kv: known,
      preemptions: known,
    })
    .nullish(),
  generation: z
    .object({
      ok: z.boolean(),
      ttft: z.number().nullish(),
      gap: z.number().nullish(),
      content: z.boolean().nullish(),
      error: text.nullish(),
      sent: z.boolean().nullish(),
      cost: z.object({ ms: count, promptTokens: count, completionTokens: count }).nullish(),
    })
    .nullish(),
  identity: text.nullish(),
});

const traffic = z.object({
  requests: count,
  client: count.default(0),
  quota: count.default(0),
  cluster: count.default(0),
  cut: count.default(0),
  ttft95: known,
});

export const tickLine = z.object({
  t: z.number().nonnegative().max(1e9),
  seen: z.record(name, z.record(name, seen)).default({}),
  traffic: z.record(name, traffic.nullable()).default({}),
  self: z
    .object({ lag: z.number().default(0), late: z.number().default(0), control: z.boolean().nullable().default(null) })
    .default({ lag: 0, late: 0, control: null }),
});
