/** Rules that need more than one place of the file: members exist, roles fit the strategy, one service means one model. */
import { checkKeys } from './key-checks.js';
import type { Outline, ServiceOutline } from './outline.js';
import { nearest } from './nearest.js';
import type { ConfigPath, Problem } from './problem.js';

/** Bounds that keep a fleet within what one control worker can carry. */
const CLUSTERS_MAX = 1_000;
const SERVICES_MAX = 200;
const NAMES_LISTED_MAX = 20;

/** Everything that is wrong between places; empty when the file is valid. */
export function crossCheck(file: Outline): readonly Problem[] {
  return [
    ...count('clusters', Object.keys(file.clusters).length, CLUSTERS_MAX),
    ...count('services', Object.keys(file.services).length, SERVICES_MAX),
    ...twice(file.vantages, 'vantage', (i) => ['vantages', i]),
    ...checkKeys(file),
    ...Object.entries(file.services).flatMap(([name, service]) => checkService(file, ['services', name], service)),
  ];
}

function count(key: 'clusters' | 'services', found: number, most: number): readonly Problem[] {
  if (found === 0) return [problem([key], `\`${key}\` is empty`, `describe one of the ${key} at least`)];
  if (found <= most) return [];
  return [
    problem(
      [key],
      `${found} ${key} are more than one fleet may hold`,
      `at most ${most}; use a second instance for the rest`,
    ),
  ];
}

const problem = (path: ConfigPath, wrong: string, fix: Problem['fix']): Problem => ({ path, at: 'value', wrong, fix });

function checkService(file: Outline, path: ConfigPath, service: ServiceOutline): readonly Problem[] {
  if (service.members.length === 0) return [];
  const names = service.members.map((m) => m.name);
  const nameAt = (i: number): ConfigPath => [...path, 'clusters', i, 'name'];
  return [
    ...unknownMembers(file, names, nameAt),
    ...twice(names, 'cluster', nameAt),
    ...(service.strategy === 'primary-standby' ? primaryRoles(path, service) : activeRoles(path, service)),
    ...differentModels(file, names, nameAt),
  ];
}

type PathOf = (index: number) => ConfigPath;

function unknownMembers({ clusters }: Outline, names: readonly string[], nameAt: PathOf): readonly Problem[] {
  const known = Object.keys(clusters);
  return names.flatMap((name, i) => {
    if (Object.hasOwn(clusters, name)) return [];
    const fix = (): string => {
      const guess = nearest(name, known);
      return guess === null ? `one of ${known.slice(0, NAMES_LISTED_MAX).join(', ')}` : `did you mean \`${guess}\`?`;
    };
    return [problem(nameAt(i), `no cluster \`${name}\` is described under \`clusters\``, fix)];
  });
}

function twice(names: readonly string[], what: string, pathOf: PathOf): readonly Problem[] {
  const seen = new Set<string>();
  return names.flatMap((name, i) => {
    if (seen.has(name)) return [problem(pathOf(i), `${what} \`${name}\` stands here twice`, 'keep one of them')];
    seen.add(name);
    return [];
  });
}

function primaryRoles(path: ConfigPath, { members }: ServiceOutline): readonly Problem[] {
  const roleAt = (i: number): ConfigPath => [...path, 'clusters', i, 'role'];
  const fix = 'write `role: primary` or `role: standby`';
  const odd = members.flatMap(({ name, role }, i) => {
    if (role === null) return [problem([...path, 'clusters', i], `\`${name}\` has no role`, fix)];
    return role === 'active' ? [problem(roleAt(i), 'strategy primary-standby has no role `active`', fix)] : [];
  });
  const [first, ...more] = members.flatMap(({ role }, i) => (role === 'primary' ? [i] : []));
  if (first === undefined)
    return [
      ...odd,
      { ...problem([...path, 'clusters'], 'no cluster is the primary', 'give exactly one `role: primary`'), at: 'key' },
    ];
  return [
    ...odd,
    ...more.map((i) =>
      problem(roleAt(i), 'this is a second primary', 'give exactly one `role: primary`; the others are standbys'),
    ),
  ];
}

function activeRoles(path: ConfigPath, { members, strategy }: ServiceOutline): readonly Problem[] {
  const odd = members.flatMap(({ role }, i) =>
    role === 'primary'
      ? [
          problem(
            [...path, 'clusters', i, 'role'],
            `strategy ${strategy} has no primary`,
            'write `role: active` or `role: standby`',
          ),
        ]
      : [],
  );
  if (members.some(({ role }) => role !== 'standby')) return odd;
  return [
    ...odd,
    {
      ...problem(
        [...path, 'clusters'],
        'every cluster is a standby: nobody would serve',
        'give at least one `role: active`',
      ),
      at: 'key',
    },
  ];
}

/** A move between two models would change the answers: that is a deployment, not a failover. */
function differentModels({ clusters }: Outline, names: readonly string[], nameAt: PathOf): readonly Problem[] {
  const modelOf = (name: string): string | null =>
    Object.hasOwn(clusters, name) ? (clusters[name]?.model ?? null) : null;
  const first = names.find((name) => modelOf(name) !== null);
  return names.flatMap((name, i) => {
    if (first === undefined || modelOf(name) === null || modelOf(name) === modelOf(first)) return [];
    const fix = 'clusters of one service serve the same model; make another service of this one';
    return [problem(nameAt(i), `\`${name}\` serves another model than \`${first}\``, fix)];
  });
}
