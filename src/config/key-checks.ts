/** Rules of `gateway.keys` that need more than one place of the file: each key once, and only for services that exist. */
import { nearest } from './nearest.js';
import type { Outline } from './outline.js';
import type { ConfigPath, Problem } from './problem.js';

const KEYS: ConfigPath = ['gateway', 'keys'];

export function checkKeys({ keys, services }: Outline): readonly Problem[] {
  const names = new Set<string>();
  const hashes = new Set<string>();
  return keys.flatMap((key, i) => {
    const again = (field: 'name' | 'sha256', seen: Set<string>): readonly Problem[] => {
      const value = key[field];
      if (value === '' || !seen.has(value)) {
        seen.add(value);
        return [];
      }
      const fix = 'give each caller one key with a name of its own';
      return [{ path: [...KEYS, i, field], at: 'value', wrong: `this ${field} stands at another key too`, fix }];
    };
    return [...again('name', names), ...again('sha256', hashes), ...unknownServices(key.services, i, services)];
  });
}

function unknownServices(named: readonly string[], key: number, services: Outline['services']): readonly Problem[] {
  const known = Object.keys(services);
  return named.flatMap((service, i): readonly Problem[] => {
    if (Object.hasOwn(services, service)) return [];
    const fix = (): string => {
      const guess = nearest(service, known);
      return guess === null ? 'name services of this file' : `did you mean \`${guess}\`?`;
    };
    const wrong = `no service \`${service}\` is described under \`services\``;
    return [{ path: [...KEYS, key, 'services', i], at: 'value', wrong, fix }];
  });
}
