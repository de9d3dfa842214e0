/** Looks, for moves: is the target fit, and how does a step go? Facts only; verdicts belong to `domain/plan`. */
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import { CodedError } from '../domain/errors.js';
import { DRIFT_INTERVAL_MS, type ClusterSpec } from '../domain/fleet.js';
import type { Doubt } from '../domain/health/doubt.js';
import type { GenerationSeen } from '../domain/health/types.js';
import { PROOF_AGE_MS_MAX, sameWeights } from '../domain/plan/judge-preflight.js';
import { judgeStep } from '../domain/plan/judge-step.js';
import type { TrafficState } from '../domain/traffic.js';
import type { ClusterName, ServiceName, Unknown } from '../domain/words.js';
import type { TrafficLayer } from '../traffic/traffic-layer.js';
import type { Read } from '../workflows/ports.js';
import { translated } from './failure.js';
import type { LastLook } from './last-look.js';
import { Padding, type Running } from './padding.js';
import { pause } from './pause.js';
import { evidenceOf } from './step-evidence.js';
import { WatchedTime } from './watched-time.js';

const LOOK_MS = 200;

export interface ReadDeps {
  readonly layer: TrafficLayer;
  readonly complete: (cluster: ClusterSpec) => Promise<GenerationSeen>;
  /** What the probers of a cluster saw last. */
  readonly lastLook: (cluster: ClusterName) => Promise<LastLook>;
  /** Model id that a cluster says it serves. */
  readonly identify: (cluster: ClusterSpec) => Promise<string | null>;
}

export function createReadActivities(deps: ReadDeps): Omit<Read, 'notifiers'> {
  const { layer } = deps;
  const running: Running = new Map();
  return {
    traffic: async ({ service }) => await translated(async () => await layer.read(service)),
    preflight: async ({ service, target, profile, doubtful, provenAtMs }) =>
      await translated(async () => {
        const [state, looks] = await Promise.all([layer.read(service), lookAt(deps, [target.name, ...doubtful])]);
        const doubts = doubtsIn(looks);
        const lastProof = Math.max(provenAtMs ?? 0, looks[target.name]?.provenAtMs ?? 0);
        const mayTrust = profile === 'emergency' && doubts[target.name] === undefined;
        const proof = await proveTarget(deps, target, mayTrust ? { provenAtMs: lastProof } : null);
        return {
          completion: proof.completion,
          identity: proof.identity,
          expectedModel: target.model,
          layer: state,
          demand: demandOf(state),
          capacity: target.capacity.concurrency,
          doubts,
        };
      }),
    watchStep: async ({ service, targets, step, baseline }) =>
      await translated(async () => {
        const watched = new WatchedTime(step.gate.undecided === 'ask');
        const padding = new Padding({ targets, complete: deps.complete, slowMs: step.gate.slowFirstTokenMs, running });
        try {
          for (;;) {
            const now = await layer.read(service);
            const evidence = evidenceOf({
              baseline,
              now,
              targets,
              step,
              padding: padding.counts,
              elapsedMs: watched.look(),
            });
            heartbeat(watched.kept);
            if (judgeStep(evidence, step.gate).kind !== 'wait' || cancellationSignal().aborted) return evidence;
            padding.topUp(evidence.ok - padding.counts.ok);
            await pause(LOOK_MS, cancellationSignal());
          }
        } finally {
          padding.stop();
        }
      }),
    watchDrift: async ({ service, epoch, intended, rotateAfterMs, everyMs = DRIFT_INTERVAL_MS }) =>
      await translated(async () => {
        const endsAtMs = Date.now() + rotateAfterMs;
        while (Date.now() < endsAtMs && !cancellationSignal().aborted) {
          const now = await readOrNull(layer, service);
          if (now === null || now.epoch !== epoch || !sameWeights(now.intended, intended)) return { drifted: true };
          heartbeat();
          await pause(everyMs, cancellationSignal());
        }
        return { drifted: false };
      }),
  };
}

/** `null`: the layer has forgotten the service, its table was lost. */
async function readOrNull(layer: TrafficLayer, service: ServiceName): Promise<TrafficState | null> {
  try {
    return await layer.read(service);
  } catch (error) {
    if (error instanceof CodedError && error.code === 'unknown-service') return null;
    throw error;
  }
}

async function lookAt(deps: ReadDeps, names: readonly ClusterName[]): Promise<Record<ClusterName, LastLook>> {
  const looks = [...new Set(names)].map(async (name) => [name, await deps.lastLook(name)] as const);
  return Object.fromEntries(await Promise.all(looks));
}

function doubtsIn(looks: Readonly<Record<ClusterName, LastLook>>): Record<ClusterName, Doubt> {
  return Object.fromEntries(
    Object.entries(looks).flatMap(([name, { doubt }]) => (doubt === null ? [] : [[name, doubt] as const])),
  );
}

interface Proof {
  readonly completion: { readonly ok: boolean; readonly why: string };
  readonly identity: string | Unknown;
}

/** A real completion now; in an emergency one that a prober has just seen is enough: nothing delays the first weight. */
async function proveTarget(
  deps: ReadDeps,
  target: ClusterSpec,
  emergency: { readonly provenAtMs: number } | null,
): Promise<Proof> {
  if (emergency !== null) {
    const ageMs = Math.max(0, Date.now() - emergency.provenAtMs);
    const why = `a completion succeeded ${ageMs} ms ago`;
    if (ageMs <= PROOF_AGE_MS_MAX) return { completion: { ok: true, why }, identity: 'unknown' };
  }
  const [seen, identity] = await Promise.all([deps.complete(target), deps.identify(target)]);
  const why = seen.ok ? `first token after ${Math.round(seen.ttft ?? 0)} ms` : (seen.error ?? 'a wrong answer');
  return { completion: { ok: seen.ok, why }, identity: identity ?? 'unknown' };
}

function demandOf(state: TrafficState): number | Unknown {
  const counts = Object.values(state.clusters).map((c) => c.inFlight);
  return counts.reduce<number | Unknown>((sum, n) => (sum === 'unknown' || n === 'unknown' ? 'unknown' : sum + n), 0);
}
