/** Callers program against the words in docs/gateway.md. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { CANNOT_CONTINUE } from '../../src/domain/continuation/cannot-continue.js';

const page = readFileSync(fileURLToPath(new URL('../../docs/gateway.md', import.meta.url)), 'utf8');

test('every reason why a stream is not continued is documented, and no other', () => {
  const section = page.split('### When a stream is not continued')[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| `') && !line.startsWith('| `reason`'));
  const documented = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/g)].map((m) => m[1]));
  expect(documented.toSorted()).toEqual(Object.keys(CANNOT_CONTINUE).toSorted());
});
