/** `npm run record:histories`: runs the scenarios of record.ts on a real server and writes test/replay/histories anew. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'record',
    include: ['test/replay/record.ts'],
    globalSetup: ['test/kit/temporal-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
