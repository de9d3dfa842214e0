/** Between moves somebody watches that the layer still holds what it should; it costs no history while it does. */
import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import { DRIFT_INTERVAL_MS } from '../domain/fleet.js';
import { sameWeights } from '../domain/plan/judge-preflight.js';
import type { GuardState } from '../domain/guard/state.js';
import { guarding } from './proxies.js';

const ROTATE_MS = 60 * 60_000;

interface Watched {
  readonly state: GuardState;
  /** The layer has answered since this run of the guard began. */
  readonly layerKnown: boolean;
  /** The layer holds something else; whoever hears it asks the layer and decides. */
  drifted(): void;
}

/** As long as the guard lives, beside its own loop. */
export async function watchDrift(guard: Watched): Promise<void> {
  try {
    await watchForEver(guard);
  } catch (error) {
    // The guard was cancelled. Nobody awaits this, so it must not reject: that would fail every workflow task from then on.
    if (!isCancellation(error)) throw error;
  }
}

/** A move changes what is expected, so the watch ends when one begins. */
async function watchForEver(guard: Watched): Promise<never> {
  for (;;) {
    await condition(() => guard.layerKnown && guard.state.move === null);
    const { epoch, intended, spec } = guard.state;
    const stands = (): boolean =>
      guard.layerKnown &&
      guard.state.move === null &&
      guard.state.epoch === epoch &&
      sameWeights(guard.state.intended, intended);
    const scope = new CancellationScope();
    const watching = scope
      .run(
        async () =>
          await guarding.watchDrift('watch for drift', {
            service: spec.name,
            epoch,
            intended,
            rotateAfterMs: ROTATE_MS,
            everyMs: spec.traffic.driftIntervalMs ?? DRIFT_INTERVAL_MS,
          }),
      )
      .then(
        ({ drifted }) => drifted,
        () => false,
      );
    const drifted = await Promise.race([watching, condition(() => !stands()).then(() => false)]);
    scope.cancel();
    if (drifted && stands()) guard.drifted();
  }
}
