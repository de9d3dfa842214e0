/** The JSON schema of the configuration file, for editors, and a look-up in it, for error messages. */
import { z } from 'zod';
import { fleetFile } from './schema.js';

/** The part of JSON Schema that ours uses; `fix` is our own word and is not published. */
export interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly pattern?: string;
  readonly description?: string;
  readonly fix?: string;
}

/** The schema with our own `fix` words in it: what error messages look into. */
export function annotatedSchema(): SchemaNode {
  return z.toJSONSchema(fleetFile, { io: 'input' }) as SchemaNode;
}

/** What `understudy config schema` prints and config.schema.json holds: plain JSON Schema 2020-12. */
export function publishedSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(fleetFile, {
    io: 'input',
    override: ({ jsonSchema }) => {
      Reflect.deleteProperty(jsonSchema, 'fix');
    },
  });
}

/** The schema of the place at `path`; `null` where the schema knows none. */
export function schemaAt(root: SchemaNode, path: readonly PropertyKey[]): SchemaNode | null {
  let node: SchemaNode | null = root;
  for (const key of path) {
    if (node === null) return null;
    const holder: SchemaNode = node.anyOf?.find((branch) => branch.type === 'object') ?? node;
    node = childOf(holder, key);
  }
  return node;
}

function childOf(holder: SchemaNode, key: PropertyKey): SchemaNode | null {
  if (typeof key === 'number') return holder.items ?? null;
  const { properties, additionalProperties } = holder;
  if (properties !== undefined && Object.hasOwn(properties, key)) return properties[String(key)] ?? null;
  return typeof additionalProperties === 'object' ? additionalProperties : null;
}

/** Keys that may stand at `path`. */
export function keysAt(root: SchemaNode, path: readonly PropertyKey[]): readonly string[] {
  const node = schemaAt(root, path);
  const holder = node?.anyOf?.find((branch) => branch.type === 'object') ?? node;
  return Object.keys(holder?.properties ?? {});
}
