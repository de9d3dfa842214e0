/** `gateway.keys`: who may call, which services, and how much. Only hashes stand in the file. */
import { z } from 'zod';
import { PRIORITIES } from '../domain/admission/priority.js';
import { name } from './fields.js';

/** A gateway holds them all in memory, with a few numbers each. */
const KEYS_MAX = 10_000;
const LIMIT_MAX = 1_000_000_000;

const limit = (what: string) => z.int().min(1).max(LIMIT_MAX).optional().meta({ description: what });

const apiKey = z
  .strictObject({
    name: name('Whose key it is; stands in logs.'),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'this is not a SHA-256 in lower-case hex')
      .meta({
        description: 'SHA-256 of the key.',
        fix: '`understudy keys new <name>` makes a key and prints its line',
      }),
    services: z
      .array(name('A service of this file.'))
      .min(1)
      .optional()
      .meta({ description: 'Services that it opens; all of them when it is left out.' }),
    limits: z
      .strictObject({
        requestsPerMinute: limit('Requests a minute; as many may come at once.'),
        tokensPerMinute: limit('Tokens of prompts and answers a minute; as many may come at once.'),
        concurrent: limit('Requests at once.'),
      })
      .prefault({})
      .meta({ description: 'How much it may be used.' }),
    priorityMax: z
      .enum(PRIORITIES)
      .default('high')
      .meta({ description: 'Highest priority that its requests can claim by their header.' }),
  })
  .meta({ description: 'The key of one caller.' });

export const apiKeys = z
  .array(apiKey)
  .min(1)
  .max(KEYS_MAX)
  .meta({ description: 'Keys of callers; without this list callers need none.' });
