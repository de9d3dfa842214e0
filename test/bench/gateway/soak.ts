/** Whether our gateway's memory grows under a long load: whole answers at full speed, and streams that come and go. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { progress } from '../stage.js';
import type { Ours } from './contestants.js';
import { growthOf, type Growth, type MemorySample } from './figures.js';
import { pace } from './streams.js';
import { writeScript, wrk } from './wrk.js';

const CROWD = 64;
const STREAMS = 16;
const STREAM_TOKENS = 50;
const SAMPLE_EVERY_MS = 1_000;
const TELL_EVERY = 60;

export async function soak(ours: Ours, dir: string, seconds: number): Promise<Growth> {
  const { url, headers = {} } = ours;
  const script = writeScript(join(dir, 'soak.lua'), headers);
  const samples: MemorySample[] = [];
  let over = false;
  const talk = async (): Promise<void> => {
    while (!over) await pace({ url, headers, tokens: STREAM_TOKENS });
  };
  const watch = async (): Promise<void> => {
    while (!over) {
      samples.push({ bytes: ours.child.memoryBytes(), heapBytes: await ours.heapBytes() });
      const { length } = samples;
      if (length % TELL_EVERY === 0)
        progress(`soak: ${length} s, ${Math.round(ours.child.memoryBytes() / 2 ** 20)} MiB`);
      await sleep(SAMPLE_EVERY_MS);
    }
  };
  const besides = Promise.all([watch(), ...Array.from({ length: STREAMS }, talk)]);
  const { failed, requests } = await wrk({ url, script, connections: CROWD, seconds });
  over = true;
  await besides;
  return { seconds, requests, failed, ...growthOf(samples) };
}
