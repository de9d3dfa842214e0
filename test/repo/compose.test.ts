/** docker-compose.yml says what the code understands: the specification's schema, our verbs, our variables. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { VERB_FILES } from '../../src/cli/verb-files.js';
import { SEARCH_ATTRIBUTES } from '../../src/temporal/search-attributes.js';

interface ComposeService {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly security_opt?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly privileged?: boolean;
  readonly user?: string;
  readonly read_only?: boolean;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
const compose = parse(text, { merge: true }) as { readonly services: Readonly<Record<string, ComposeService>> };
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);

function sources(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => file.endsWith('.ts') && statSync(file).isFile())
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
}

test('it fits the compose specification', () => {
  const require = createRequire(import.meta.url);
  const linter = require.resolve('dclint/package.json');
  const schema = JSON.parse(readFileSync(join(linter, '../schemas/compose.schema.json'), 'utf8')) as object;
  interface Validator {
    compile(schema: object): ((value: unknown) => boolean) & { errors?: unknown };
  }
  const { default: Ajv } = createRequire(linter)('ajv') as { default: new (options: object) => Validator };
  const validate = new Ajv({ strict: false, validateFormats: false }).compile({ ...schema, $schema: undefined });
  const valid = validate(compose);
  expect(validate.errors ?? []).toEqual([]);
  expect(valid).toBe(true);
});

describe('every command exists in our CLI', () => {
  test.each(ours)('%s', async (_name, { command = [] }) => {
    const words = command.filter((word) => !word.startsWith('--'));
    const options = command.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0]);
    let verb: Command | undefined = await VERB_FILES[words[0] ?? '']?.load();
    for (const word of words.slice(1)) verb = verb?.commands.find((sub) => sub.name() === word);
    expect(verb, `understudy ${words.join(' ')}`).toBeDefined();
    const known = verb?.options.map(({ long }) => long) ?? [];
    expect(options.filter((option) => !known.includes(option))).toEqual([]);
    const required = verb?.options.filter(({ mandatory }) => mandatory).map(({ long }) => long) ?? [];
    expect(required.filter((option) => !options.includes(option ?? ''))).toEqual([]);
  });
});

test('every variable of our own services is read by our code or named by the example configuration', () => {
  const known = sources(join(ROOT, 'src')) + readFileSync(join(ROOT, 'examples/understudy.yaml'), 'utf8');
  const named = ours.flatMap(([, { environment = {} }]) => Object.keys(environment));
  expect(named).toContain('UNDERSTUDY_ADMIN_TOKEN');
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});

test('every image is pinned to a version', () => {
  const images = services.filter(([, { build }]) => build === undefined).map(([, { image }]) => image);
  expect(images.filter((image) => !/:\d+\.\d+(\.\d+)?(-\w+)?$/.test(image))).toEqual([]);
});

describe('what a container may not do', () => {
  test.each(services)('%s gains no rights and has none of root’s', (name, service) => {
    expect(service).toMatchObject({ security_opt: ['no-new-privileges:true'], cap_drop: ['ALL'] });
    expect(service.privileged).toBeUndefined();
    // PostgreSQL owns its folder and becomes its own user.
    if (name !== 'postgres') expect(service.cap_add).toBeUndefined();
  });

  test.each(ours)('%s writes nowhere but in its volume, and is not root', (_name, service) => {
    expect(service).toMatchObject({ read_only: true, user: 'node' });
  });
});

test('the image runs as a user without rights, from a pinned base, and holds no secret', () => {
  const file = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
  const last = file.slice(file.lastIndexOf('\nFROM '));
  expect(last).toMatch(/^USER node$/mu);
  expect(file).toMatch(/^ARG NODE_IMAGE=node:\d+\.\d+\.\d+-/mu);
  expect(file.match(/^FROM .*$/gmu)).toEqual(['FROM ${NODE_IMAGE} AS build', 'FROM ${NODE_IMAGE}']);
  expect(file).not.toMatch(/^(?:ARG|ENV) .*(?:TOKEN|PASSWORD|SECRET|KEY)/mu);
});

test('what the image copies is there, and .dockerignore lets it in', () => {
  const copied = [...readFileSync(join(ROOT, 'Dockerfile'), 'utf8').matchAll(/^COPY (?!--from)(.+) \S+$/gmu)]
    .flatMap(([, names = '']) => names.split(' '))
    .map((name) => name.replace('*', ''));
  const letIn = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
  expect(copied).toContain('THIRD_PARTY_NOTICES.md');
  expect(copied.filter((name) => !letIn.includes(`!${name}`))).toEqual([]);
  for (const name of copied) expect(() => statSync(join(ROOT, name))).not.toThrow();
});

test('nothing is published beyond loopback', () => {
  const ports = services.flatMap(([, service]) => service.ports ?? []);
  expect(ports.length).toBeGreaterThan(0);
  expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
});

test('no secret has a default', () => {
  const secrets = [...text.matchAll(/\$\{(\w*(?:PASSWORD|TOKEN|SECRET)\w*)(.{0,2})/g)];
  expect(secrets.length).toBeGreaterThan(0);
  expect(secrets.filter(([, , rule]) => rule !== ':?').map(([, name]) => name)).toEqual([]);
});

test('services wait only for services that exist, and mount only files that exist', () => {
  const names = Object.keys(compose.services);
  for (const [, { depends_on = {}, volumes = [] }] of services) {
    expect(names).toEqual(expect.arrayContaining(Object.keys(depends_on)));
    for (const volume of volumes.filter((v) => v.startsWith('./'))) {
      expect(() => statSync(join(ROOT, volume.split(':')[0] ?? ''))).not.toThrow();
    }
  }
});

test('the namespace script registers the search attributes that the embedded server has', () => {
  const script = readFileSync(join(ROOT, 'deploy/temporal/namespace.sh'), 'utf8');
  expect([...(/for name in (.+);/.exec(script)?.[1]?.split(' ') ?? [])].sort()).toEqual([...SEARCH_ATTRIBUTES].sort());
});
