/** The store that the configuration names. One that cannot be opened is a store that always says so: it stops nobody else. */
import { join } from 'node:path';
import { CodedError } from '../../domain/errors.js';
import type { ConversationSettings } from '../../domain/fleet.js';
import { setDamagedAside, type SetAside } from './damaged-file.js';
import { openDiskStore } from './disk-store.js';
import { openRedisStore } from './redis-store.js';
import { unreachable, type ConversationStore } from './store.js';

export interface StorePlace {
  readonly dataDir: string;
  /** With user and password, if it wants them; never logged. */
  readonly redisUrl: string | null;
  readonly clock: () => number;
}

const fileIn = (dataDir: string): string => join(dataDir, 'gateway-conversations.mdb');

/** Before any process opens it. `null`: there is no damaged file. */
export function checkConversationFile(
  { store }: ConversationSettings,
  dataDir: string,
  nowMs: number,
): SetAside | null {
  return store === 'disk' ? setDamagedAside(fileIn(dataDir), nowMs) : null;
}

/** `null`: conversations are not kept. @throws CodedError `bad-config` when the server's URL is missing or none */
export function openConversationStore(settings: ConversationSettings, place: StorePlace): ConversationStore | null {
  const { clock } = place;
  if (settings.store === 'off') return null;
  if (settings.store === 'redis') return openRedisStore(redisUrl(settings, place.redisUrl), settings, clock);
  try {
    return openDiskStore(fileIn(place.dataDir), settings, clock);
  } catch (error) {
    return closedStore(error);
  }
}

function redisUrl({ redisUrlEnv }: ConversationSettings, url: string | null): string {
  if (url !== null && /^rediss?:\/\//.test(url) && URL.canParse(url)) return url;
  const found = url === null ? 'it is not set' : 'what it holds is none'; // never the value: it may carry a password
  throw new CodedError(
    'bad-config',
    `${redisUrlEnv} must hold the URL of the Redis server, redis://host:port; ${found}`,
  );
}

function closedStore(cause: unknown): ConversationStore {
  const fail = async (): Promise<never> =>
    await Promise.reject(unreachable('the conversations on disk could not be opened', cause));
  return { get: fail, put: fail, delete: fail, close: async () => await Promise.resolve() };
}
