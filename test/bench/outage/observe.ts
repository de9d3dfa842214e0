/** How soon a break can be known at all: streams from the cluster itself, past the gateway, that break with it. */
import type { LoadResult } from '../../../src/simulator/load-request.js';
import { startLoad } from '../../../src/simulator/load.js';
import { eventually } from '../../kit/eventually.js';
import { percentile } from '../stage.js';

const OBSERVERS = 8;
/** They begin one after the other, so that they are at different tokens when it breaks. */
const BEGIN_PER_SECOND = 40;
const BREAK_MS_MAX = 30_000;

export interface Observed {
  /** From a stream's last token to the end of its connection, ms, in the median. Call it after the break. */
  detectionMs(): Promise<number>;
}

/** Resolves when streams run. */
export async function observeBreaks(url: string, model: string, maxTokens: number): Promise<Observed> {
  const broken: LoadResult[] = [];
  const load = startLoad({
    url,
    model,
    requestsPerSecond: BEGIN_PER_SECOND,
    concurrencyMax: OBSERVERS,
    streamShare: 1,
    maxTokens,
    onResult: (result) => {
      if (result.verdict === 'ok') return;
      if (result.verdict === 'cut') broken.push(result);
      void load.stop();
    },
  });
  await eventually(() => load.summary().ok >= OBSERVERS, BREAK_MS_MAX);
  return {
    detectionMs: async () => {
      await load.stop();
      return percentile(
        broken.map(({ endedAtMs, lastTokenAtMs }) => endedAtMs - (lastTokenAtMs ?? endedAtMs)),
        0.5,
      );
    },
  };
}
