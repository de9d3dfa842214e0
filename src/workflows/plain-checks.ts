/** Plain checks of what arrives in a message: a schema library's schemas would be built anew in every cached workflow. */
import { NAME_PATTERN } from '../domain/words.js';

/** The latest time that ECMAScript's `Date` knows, ms: beyond it a time cannot be told to anybody. */
const TIME_MAX_MS = 8.64e15;

export const isText = (value: unknown): value is string => typeof value === 'string';

export const isPositive = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value) && value > 0;

/** A length of time that may be nothing, ms. */
export const isLength = (value: unknown): boolean => value === 0 || isPositive(value);

export const isTime = (value: unknown): boolean => isLength(value) && (value as number) <= TIME_MAX_MS;

/** Of a service or a cluster: names become ids, labels and chat text. */
export const isName = (value: unknown): value is string => isText(value) && NAME_PATTERN.test(value);

export const areNames = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isName);

/** Of an order that is kept: it goes on to activities, children and the next run, and must fit there. */
export function faultOfSize(order: unknown, charsMax: number): string | null {
  return JSON.stringify(order).length <= charsMax ? null : `at most ${charsMax} characters of JSON were expected`;
}
