/**
 * What the data plane says of a service, asked once for all of its clusters: their watches tick at the same moment
 * (watch-grid.ts), and one answer serves them all. An answer is used for a fraction of an interval at most, because a
 * watch compares what callers saw with what it sees at the same time.
 */
import type { TrafficState } from '../domain/traffic.js';
import type { ServiceName } from '../domain/words.js';

/** Far below any interval at which clusters are watched in earnest, and above the spread of ticks that belong together. */
const FRESH_MS = 100;
/** Services that one worker watches; beyond it the oldest answers are forgotten. */
const SERVICES_MAX = 4096;

type Read = (service: ServiceName) => Promise<TrafficState | null>;

interface Answer {
  readonly askedAt: number;
  readonly state: Promise<TrafficState | null>;
}

/** A reader that asks `read` no more often than every `freshMs` for one service; failures are shared likewise. */
export function shareTraffic(read: Read, freshMs = FRESH_MS): Read {
  const answers = new Map<ServiceName, Answer>();
  return async (service) => {
    const known = answers.get(service);
    const now = performance.now();
    if (known !== undefined && now - known.askedAt < freshMs) return await known.state;
    if (known === undefined && answers.size >= SERVICES_MAX) answers.clear();
    const state = read(service);
    answers.set(service, { askedAt: now, state });
    return await state;
  };
}
