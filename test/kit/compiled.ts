/** Where the compiled sources of this run are (compiled-setup.ts). */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inject } from 'vitest';

/** A file of the compiled package, e.g. `bin/understudy.js`. */
export const compiled = (path: string): string => join(inject('compiledRoot'), path);

/** The child that serves for a simulated cluster. */
export const serveEntry = (): URL => pathToFileURL(compiled('dist/simulator/serve.js'));
