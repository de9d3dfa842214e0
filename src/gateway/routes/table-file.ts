/** The route table on disk: replaced as a whole, so that a crash leaves the old one or the new one. */
import { messageOf } from '../../domain/describe-error.js';
import { parsedOf } from '../../domain/outside.js';
import { renameSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { claimFolder, FILE_MODE, readOwnFile } from '../../config/own-files.js';
import { z } from 'zod';
import { serviceDefinitionSchema } from '../admin/admin-schema.js';
import type { RouteTable } from './route-table.js';

const FILE_NAME = 'gateway-routes.json';

const weights = z.record(z.string(), z.number().min(0).max(100));
export const tableSchema = z.object({
  version: z.literal(1),
  services: z.record(
    z.string(),
    z.object({
      definition: serviceDefinitionSchema,
      epoch: z.int().min(0),
      // Tables of older versions have none.
      step: z.int().min(0).default(0),
      weights,
      drained: z.array(z.string()),
      // Tables of older versions have none.
      spill: z
        .object({
          from: z.string(),
          to: z.string(),
          sharePct: z.number().min(0).max(100),
          untilMs: z.number(),
          epoch: z.int().min(0),
        })
        .nullable()
        .default(null),
      changedAtMs: z.number(),
    }),
  ),
});

export type TableRead =
  | { readonly kind: 'read'; readonly table: RouteTable }
  | { readonly kind: 'none' }
  /** It could not be understood and was moved aside to `movedTo`; `null`: the disk did not let it. */
  | { readonly kind: 'corrupt'; readonly movedTo: string | null; readonly why: string };

/**
 * Reads the table of a data directory, which is made when it does not exist. Only at start, so it may block.
 * @throws CodedError `foreign-file`: the table says where prompts and keys of clusters go
 */
export function readTable(dataDir: string, nowMs: number): TableRead {
  claimFolder(dataDir);
  const path = join(dataDir, FILE_NAME);
  let text: string;
  try {
    text = readOwnFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'none' };
    throw error;
  }
  try {
    return { kind: 'read', table: tableSchema.parse(parsedOf(text)).services };
  } catch (error) {
    return { kind: 'corrupt', movedTo: movedAside(path, nowMs), why: messageOf(error) };
  }
}

function movedAside(path: string, nowMs: number): string | null {
  const movedTo = `${path}.corrupt-${nowMs}`;
  try {
    renameSync(path, movedTo);
    return movedTo;
  } catch {
    return null;
  }
}

/** What is in the file, and what peers are told. */
export function tableFile(services: RouteTable): { readonly version: 1; readonly services: RouteTable } {
  return { version: 1, services };
}

/** Resolves when the table, and the name under which it is found, are on disk. */
export async function saveTable(dataDir: string, table: RouteTable): Promise<void> {
  const path = join(dataDir, FILE_NAME);
  const next = `${path}.next`;
  const file = await open(next, 'w', FILE_MODE);
  try {
    await file.writeFile(`${JSON.stringify(tableFile(table))}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  const folder = await open(dataDir, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
