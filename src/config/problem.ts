/** One thing that is wrong with a configuration file, and where. */

export type ConfigPath = readonly (string | number)[];

export interface Problem {
  readonly path: ConfigPath;
  /** Whether the key itself is wrong, or what stands behind it. */
  readonly at: 'key' | 'value';
  readonly wrong: string;
  /** Made only for the problems that are told: a guess at what was meant takes time. */
  readonly fix: string | (() => string);
}

/** `services.chat.clusters[0].role`, as people say it. */
export function spellPath(path: ConfigPath): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('');
}
