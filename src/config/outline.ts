/** What the cross-checks look at, taken from any content: a wrong value elsewhere must not hide a wrong name here. */

export interface Outline {
  readonly vantages: readonly string[];
  readonly clusters: Readonly<Record<string, { readonly model: string | null }>>;
  readonly services: Readonly<Record<string, ServiceOutline>>;
  readonly keys: readonly KeyOutline[];
}

export interface ServiceOutline {
  readonly strategy: string;
  readonly members: readonly { readonly name: string; readonly role: string | null }[];
}

export interface KeyOutline {
  readonly name: string;
  readonly sha256: string;
  readonly services: readonly string[];
}

/** Never fails: what has the wrong shape is left out, the schema complains of it. */
export function outlineOf(content: unknown): Outline {
  const file = table(content);
  return {
    vantages: list(file['vantages']).map((v) => text(v) ?? ''),
    clusters: eachOf(file['clusters'], (cluster) => ({ model: text(cluster['model']) })),
    services: eachOf(file['services'], (service) => ({
      strategy: text(service['strategy']) ?? 'primary-standby',
      members: list(service['clusters']).map((member) => ({
        name: text(table(member)['name']) ?? '',
        role: text(table(member)['role']),
      })),
    })),
    keys: list(table(file['gateway'])['keys']).map((key) => ({
      name: text(table(key)['name']) ?? '',
      sha256: text(table(key)['sha256']) ?? '',
      services: list(table(key)['services']).map((service) => text(service) ?? ''),
    })),
  };
}

type Table = Readonly<Record<string, unknown>>;

const table = (value: unknown): Table => (typeof value === 'object' && value !== null ? (value as Table) : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

function eachOf<T>(value: unknown, outline: (entry: Table) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(table(value)).map(([name, entry]) => [name, outline(table(entry))]));
}
