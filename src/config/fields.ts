/** The kinds of values that the configuration file is made of, each with the words for when it is wrong. */
import { z } from 'zod';
import { API_KEY_ENV_PATTERN } from '../domain/cluster-key.js';
import { NAME_PATTERN } from '../domain/words.js';
import { DURATION_PATTERN, parseDuration } from './duration.js';

const DAY_MS = 86_400_000;

const ENV_PATTERN = /^[A-Z_][A-Z0-9_]{0,127}$/;

interface Bounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/** A duration with a unit; becomes milliseconds. */
export function duration(what: string, bounds: Partial<Bounds> = {}) {
  const { minMs = 1, maxMs = DAY_MS } = bounds;
  return z
    .string()
    .meta({ description: `${what} A number with a unit: ms, s, m or h.`, pattern: DURATION_PATTERN.source })
    .transform((text, ctx) => {
      const ms = parseDuration(text);
      if (ms !== null && ms >= minMs && ms <= maxMs) return ms;
      ctx.addIssue({
        code: 'custom',
        message: ms === null ? 'this is not a duration' : 'this duration is out of bounds',
        params: {
          fix:
            ms === null
              ? 'write a number with a unit, such as 500ms, 2s, 10m or 1h'
              : `between ${minMs}ms and ${maxMs}ms`,
        },
      });
      return z.NEVER;
    });
}

/** A name, as label of a host name. */
export const name = (what: string) =>
  z.string().regex(NAME_PATTERN, 'this is not a name that can be used').meta({
    description: what,
    fix: 'use 1 to 63 lower-case letters, digits and hyphens, a letter or digit at both ends',
  });

/** The name of a variable, never its value: a value that was put here by mistake is not repeated by any message. */
export const envName = (what: string) =>
  z
    .string()
    .regex(ENV_PATTERN, 'this is not the name of an environment variable')
    .meta({
      description: `${what} The name of an environment variable.`,
      fix: 'write the name of the variable, such as SLACK_BOT_TOKEN, not its value',
    });

/** The name of a variable whose value is sent to a cluster. */
export const apiKeyEnvName = (what: string) =>
  z
    .string()
    .regex(API_KEY_ENV_PATTERN, 'this is not the name of a variable for a key')
    .meta({
      description: `${what} The name of an environment variable; it ends in _API_KEY.`,
      fix: 'write the name of a variable that ends in _API_KEY, such as EU_A_API_KEY, not its value',
    });

/** What is wrong with a base URL and how to right it, or `null`. */
function faultOfBaseUrl(text: string): { readonly wrong: string; readonly fix: string } | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    return { wrong: 'this is not an http or https URL', fix: 'write it as http://host:port' };
  }
  if (url.username !== '' || url.password !== '') {
    return {
      wrong: 'a URL may not carry a user or password',
      fix: 'remove them; this file is not the place for secrets',
    };
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    return {
      wrong: 'a base URL has no path, query or fragment',
      fix: `write ${url.origin}; paths such as /v1 are added to it`,
    };
  }
  return null;
}

/** A base URL; becomes its origin, without a slash at the end. */
export const baseUrl = (what: string) =>
  z
    .string()
    .meta({ description: what, format: 'uri' })
    .transform((text, ctx) => {
      const fault = faultOfBaseUrl(text);
      if (fault === null) return new URL(text).origin;
      ctx.addIssue({ code: 'custom', message: fault.wrong, params: { fix: fault.fix } });
      return z.NEVER;
    });

/** Any http or https URL, with whatever path. */
export const anyHttpUrl = (what: string) =>
  z
    .url({ protocol: /^https?$/, error: 'this is not an http or https URL' })
    .meta({ description: what, fix: 'write it as https://host/path' });

/** A path on a cluster. */
export const path = z
  .string()
  .regex(/^\/[!-~]*$/, 'this is not a path')
  .max(512)
  .meta({ description: 'Path on the cluster.', fix: 'begin it with a slash, without spaces' });

const PATTERN_LENGTH_MAX = 500;

/** The source of a regular expression; with the flags `iu`, as for words in any style. */
export const pattern = (what: string) =>
  z
    .string()
    .min(1)
    .max(PATTERN_LENGTH_MAX)
    .refine(isPattern, 'this is not a regular expression')
    .meta({ description: `${what} A regular expression (flags i and u).`, fix: 'such as "paris" or "^4\\\\b"' });

function isPattern(source: string): boolean {
  try {
    return new RegExp(source, 'iu') instanceof RegExp;
  } catch {
    return false;
  }
}
