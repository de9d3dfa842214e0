/** The ways in which bench:outage takes the cluster that carries the traffic away from its callers. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultOrder } from '../../../src/simulator/control-client.js';
import { IDLE_TIMEOUT_MS, TOKEN_EVERY_MS, type Scene } from './scene.js';

export interface Break {
  readonly name: string;
  readonly about: string;
  /**
   * From a stream's last token to the moment when its break can be known, ms: what breaks openly is known when the next
   * token is due; silence is known at the limit. `observed`: when a stream that does not pass the gateway breaks, for a
   * killed process takes its time to die. `null`: no stream breaks.
   */
  readonly detectionMs: number | 'observed' | null;
  /** All that the cluster answers breaks off at once, and not one after the other. */
  readonly together: boolean;
  /** Processes in which the gateway serves. */
  readonly workers: number;
  /** Tokens of every answer; without it they are of any length up to some seconds. */
  readonly tokensEach?: number;
  /**
   * Resolves when the break has lasted long enough; `felt` is to be called whenever something has just broken, with the
   * callers whom it may have taken along.
   */
  play(scene: Scene, felt: (callers?: number) => void): Promise<void>;
}

/** Longer than the ejections' first back-offs, and than the controller needs to move the traffic. */
const LASTS_MS = 15_000;
/** Tokens that take longer than the last step of a planned move, which is verified before the drain begins. */
const OUTLASTS_A_STEP = 200;
/** Each way of cutting gets its turn. */
const CUTS = ['reset', 'error-event', 'abort', 'bare-end'] as const;
const CUT_EACH_MS = 4_000;

const lasting =
  (order: FaultOrder): Break['play'] =>
  async (scene, felt) => {
    await scene.fault(await scene.carrier(), order);
    felt();
    await sleep(LASTS_MS);
  };

export const BREAKS: readonly Break[] = [
  {
    name: 'kill',
    about: 'kill -9 of the cluster',
    detectionMs: 'observed',
    together: true,
    workers: 1,
    play: lasting({ kind: 'crash' }),
  },
  {
    name: 'stop',
    about: 'SIGSTOP of the cluster',
    detectionMs: IDLE_TIMEOUT_MS,
    together: true,
    workers: 1,
    play: lasting({ kind: 'freeze' }),
  },
  {
    name: 'errors',
    about: 'every request is answered 500',
    detectionMs: null,
    together: false,
    workers: 1,
    play: lasting({ kind: 'errors', share: 1, status: 500 }),
  },
  {
    name: 'cut',
    about: 'half of the streams are cut, in four ways',
    detectionMs: TOKEN_EVERY_MS,
    together: false,
    workers: 1,
    play: async (scene, felt) => {
      const broken = await scene.carrier(); // one only: a stream that every cluster cuts is lost to its caller
      for (const as of CUTS) {
        await scene.fault(broken, { kind: 'cut-streams', share: 0.5, as });
        felt();
        await sleep(CUT_EACH_MS);
      }
    },
  },
  {
    name: 'stall',
    about: 'the first token comes, then nothing',
    detectionMs: IDLE_TIMEOUT_MS,
    together: false,
    workers: 1,
    play: lasting({ kind: 'decode-stall' }),
  },
  {
    name: 'drain',
    about: 'a planned move empties it',
    detectionMs: TOKEN_EVERY_MS,
    together: true,
    workers: 1,
    tokensEach: OUTLASTS_A_STEP,
    play: async (scene, felt) => {
      const move = await scene.moveAway();
      felt();
      if (move.state !== 'done') throw new Error(`the planned move ended ${move.state}: ${move.why}`);
    },
  },
  {
    name: 'worker',
    about: "kill -9 of one of the gateway's own processes: only its own connections may suffer",
    detectionMs: null,
    together: true,
    workers: 2,
    play: async (scene, felt) => {
      felt(await scene.killWorker());
      await sleep(LASTS_MS);
    },
  },
];
