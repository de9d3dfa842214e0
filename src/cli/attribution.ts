/** Who orders something, and why: part of every verb that changes something. */
import { hostname, userInfo } from 'node:os';
import type { Command } from 'commander';
import type { Sender } from '../domain/guard/redirection.js';
import type { Attribution } from '../domain/words.js';
import { UsageError } from './exit.js';

export interface AttributionOptions {
  readonly by?: string;
  readonly reason?: string;
}

/** Chat messages and histories are read on phones. */
const TEXT_LENGTH_MAX = 500;

/** Adds `--by` and `--reason`. */
export function withAttribution(command: Command, reason: 'required' | 'optional'): Command {
  const flag = '--reason <text>';
  const described =
    reason === 'required'
      ? command.requiredOption(flag, 'why, in a few words')
      : command.option(flag, 'why, in a few words');
  return described.option('--by <name>', 'who orders it (default: $USER)');
}

/** @throws UsageError for texts that are too long */
export function attributionOf({ by, reason }: AttributionOptions): Attribution {
  return { by: short('--by', by ?? userName()), reason: short('--reason', reason ?? ''), via: 'cli' };
}

function short(option: string, text: string): string {
  if (text.length > TEXT_LENGTH_MAX) throw new UsageError(`${option} is longer than ${TEXT_LENGTH_MAX} characters`);
  return text.trim();
}

/** Who sends a configuration, and from where, through this door. */
export const senderAt = (door: string): Sender => ({ by: userName(), host: hostname(), pid: process.pid, door });

function userName(): string {
  const { USER, USERNAME } = process.env;
  if (USER) return USER;
  if (USERNAME) return USERNAME;
  try {
    return userInfo().username;
  } catch {
    return 'somebody'; // a container may run under an id that has no name
  }
}
