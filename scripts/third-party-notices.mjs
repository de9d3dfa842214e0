#!/usr/bin/env node
/**
 * Writes THIRD_PARTY_NOTICES.md: every package that runs with Understudy, its licence, and the licence's text as the
 * package brings it; then the modules that the Temporal CLI is built from. `npm ci` first; Go's module cache, where it is
 * there, tells the licences of the modules.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Packages that name none: what their LICENSE file says, as it was read. */
const READ_IN_FILE = { unionfs: 'Unlicense' };
const LICENCE_FILE = /^(?:un)?licen[cs]e|^copying|^notice/i;

const packages = Object.entries(JSON.parse(readFileSync('package-lock.json', 'utf8')).packages)
  .filter(([path, { dev }]) => path !== '' && dev !== true)
  .map(([path, { version, license }]) => {
    const name = path.replace(/^.*node_modules\//, '');
    return { path, name, version, licence: license ?? READ_IN_FILE[name] ?? 'none' };
  })
  .sort((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1));

const filesIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((file) => LICENCE_FILE.test(file))
        .sort()
    : [];
const textOf = (folder) =>
  filesIn(folder)
    .map((file) => readFileSync(join(folder, file), 'utf8').replaceAll('\r', '').trim())
    .join('\n\n');

/** Packages with the same text stand together. */
function texts() {
  const byText = new Map();
  for (const { path, name, version } of packages) {
    const text = textOf(path);
    if (text !== '') byText.set(text, [...(byText.get(text) ?? []), `${name}@${version}`]);
  }
  return [...byText].map(
    ([text, names]) => `### ${[...new Set(names)].join(', ')}\n\n\`\`\`\`text\n${text}\n\`\`\`\`\n`,
  );
}

/** By the words that each of them begins with or has alone. */
const GO_LICENCES = [
  ['Apache-2.0', /Apache License,?\s+Version 2\.0/i],
  ['MPL-2.0', /Mozilla Public License,? (?:Version|v\.?) ?2\.0/i],
  ['ISC', /Permission to use, copy, modify, and(?:\/or)? distribute this software/i],
  ['MIT', /Permission is hereby granted, free of charge/i],
  ['BSD-3-Clause', /Neither the name|names? of (?:its|the) contributors/i],
  ['BSD-2-Clause', /Redistributions in binary form/i],
  ['Unlicense', /free and unencumbered software/i],
];

function goModules() {
  const cache = process.env.GOMODCACHE ?? join(homedir(), 'go/pkg/mod');
  return [...readFileSync('tools/temporal/go.mod', 'utf8').matchAll(/^\s*(?:require )?(\S+\.\S+\/?\S*) (v\S+)/gmu)].map(
    ([, module, version]) => {
      const escaped = module.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
      const text = textOf(join(cache, `${escaped}@${version}`));
      const licence = GO_LICENCES.find(([, words]) => words.test(text))?.[0] ?? 'not read';
      return `| ${module} | ${version} | ${licence} |`;
    },
  );
}

const unique = (rows) => [...new Set(rows)];
writeFileSync(
  'THIRD_PARTY_NOTICES.md',
  `# Third-party notices

Written by \`npm run notices\` from \`package-lock.json\` and what is installed; do not edit. Understudy itself is under the Apache License 2.0 (\`LICENSE\`).

## Packages

What runs with Understudy, builds for other platforms included. \`unionfs\` names no licence in its package; its \`LICENSE\` file is the Unlicense.

| Package | Version | Licence |
|---|---|---|
${unique(packages.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`)).join('\n')}

## Modules of the Temporal CLI

The CLI is not part of Understudy: it is downloaded, or built from \`tools/temporal\`, on the machine that runs it.

| Module | Version | Licence |
|---|---|---|
${unique(goModules()).join('\n')}

## Texts

${texts().join('\n')}`,
);
