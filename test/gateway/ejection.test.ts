import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BACK_OFF_FIRST_MS,
  BACK_OFF_FORGET_MS,
  BACK_OFF_MAX_MS,
  Ejection,
  FAILURES_IN_A_ROW,
  OLDER_SUCCESSES_MAX,
} from '../../src/gateway/service/ejection.js';

const failure = { atOnce: false, onTrial: false, mayEject: true, nowMs: 0 };

describe('a cluster is ejected', () => {
  test('by so many failures in a row, and not by one less', () => {
    const ejection = new Ejection();
    for (let i = 1; i < FAILURES_IN_A_ROW; i++) expect(ejection.failed(failure)).toBe(false);
    ejection.succeeded(1);
    for (let i = 1; i < FAILURES_IN_A_ROW; i++) expect(ejection.failed(failure)).toBe(false);
    expect(ejection.out).toBe(false);
    expect(ejection.failed(failure)).toBe(true);
    expect(ejection.out).toBe(true);
  });

  test('by failures among which only older requests succeed, for it finishes what it had begun', () => {
    const ejection = new Ejection();
    for (let i = 1; i < FAILURES_IN_A_ROW; i++) {
      ejection.failed({ ...failure, nowMs: 100 });
      for (let k = 0; k < OLDER_SUCCESSES_MAX; k++) ejection.succeeded(99);
    }
    expect(ejection.failed({ ...failure, nowMs: 100 })).toBe(true);
  });

  test('not by a few failures among many older requests that succeed', () => {
    const ejection = new Ejection();
    for (let i = 0; i < 50; i++) {
      for (let k = 0; k <= OLDER_SUCCESSES_MAX; k++) ejection.succeeded(99);
      expect(ejection.failed({ ...failure, nowMs: 100 })).toBe(false);
      for (let k = 0; k <= OLDER_SUCCESSES_MAX; k++) ejection.succeeded(99);
    }
  });

  test('not when a request that began after the first of them succeeds in between', () => {
    const ejection = new Ejection();
    for (let i = 0; i < 50; i++) {
      expect(ejection.failed({ ...failure, nowMs: i })).toBe(false);
      ejection.succeeded(i);
    }
  });

  test('at once by a refused connection', () => {
    expect(new Ejection().failed({ ...failure, atOnce: true })).toBe(true);
  });

  test('never when it is the last one', () => {
    const ejection = new Ejection();
    for (let i = 0; i < 50; i++) expect(ejection.failed({ ...failure, atOnce: true, mayEject: false })).toBe(false);
    expect(ejection.out).toBe(false);
  });
});

/** Ejects, and gives for how long. */
function backOff(ejection: Ejection, nowMs: number): number {
  ejection.failed({ ...failure, atOnce: true, nowMs });
  return ejection.untilMs - nowMs;
}

function comeBack(ejection: Ejection): number {
  const nowMs = ejection.untilMs;
  expect([ejection.trialDue(nowMs - 1), ejection.trialDue(nowMs)]).toEqual([false, true]);
  ejection.beginTrial(nowMs);
  expect(ejection.trialDue(nowMs), 'one at a time').toBe(false);
  ejection.passTrial(nowMs);
  return nowMs;
}

describe('the back-off', () => {
  test('doubles up to its most, and begins anew after a good while', () => {
    const ejection = new Ejection();
    const seen: number[] = [];
    let nowMs = 0;
    for (let i = 0; i < 8; i++) {
      seen.push(backOff(ejection, nowMs));
      nowMs = comeBack(ejection);
    }
    expect(seen).toEqual([1, 2, 4, 8, 16, 30, 30, 30].map((s) => s * 1_000));
    expect([seen[0], seen.at(-1)]).toEqual([BACK_OFF_FIRST_MS, BACK_OFF_MAX_MS]);
    expect(backOff(ejection, nowMs + BACK_OFF_FORGET_MS)).toBe(BACK_OFF_MAX_MS);
    nowMs = comeBack(ejection);
    expect(backOff(ejection, nowMs + BACK_OFF_FORGET_MS + 1)).toBe(BACK_OFF_FIRST_MS);
  });

  test('goes on growing when the trial fails', () => {
    const ejection = new Ejection();
    backOff(ejection, 0);
    ejection.beginTrial(1_000);
    expect(ejection.failed({ ...failure, onTrial: true, mayEject: false, nowMs: 1_000 })).toBe(true);
    expect(ejection.untilMs).toBe(1_000 + 2 * BACK_OFF_FIRST_MS);
  });

  test('after a trial one failure is enough, until a request succeeds', () => {
    const ejection = new Ejection();
    backOff(ejection, 0);
    comeBack(ejection);
    expect(ejection.failed(failure)).toBe(true);
    ejection.succeeded(comeBack(ejection));
    expect(ejection.failed(failure)).toBe(false);
  });

  test('ends when a request that was sent there all the same is answered, not when an older one is', () => {
    const ejection = new Ejection();
    backOff(ejection, 5_000);
    ejection.spoke(4_999);
    expect(ejection.unsuspected(5_500)).toBe(false);
    ejection.spoke(5_001);
    expect([ejection.unsuspected(5_500), ejection.trialDue(5_500), ejection.out]).toEqual([true, true, true]);
  });

  test('a trial whose caller left says nothing: the next request may try', () => {
    const ejection = new Ejection();
    backOff(ejection, 0);
    ejection.beginTrial(1_000);
    ejection.dropTrial();
    expect([ejection.out, ejection.trialDue(ejection.untilMs)]).toEqual([true, true]);
  });
});

/** What may happen to one of the members, in any order. */
type Step = { readonly who: number; readonly what: 'fails' | 'refuses' | 'succeeds' | 'is tried' | 'trial fails' };
const step: fc.Arbitrary<Step> = fc.record({
  who: fc.nat(3),
  what: fc.constantFrom('fails', 'refuses', 'succeeds', 'is tried', 'trial fails'),
});

test('whatever happens, in whatever order: somebody is in, as long as each asks whether another is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 200 }), (size, steps) => {
      const members = Array.from({ length: size }, () => new Ejection());
      steps.forEach(({ who, what }, i) => {
        const member = members[who % size] ?? new Ejection();
        const nowMs = i * 700;
        const mayEject = members.some((m) => m !== member && !m.out);
        if (what === 'succeeds') member.succeeded(nowMs);
        else if (what === 'is tried') {
          if (!member.trialDue(nowMs)) return;
          member.beginTrial(nowMs);
          member.passTrial(nowMs);
        } else if (what === 'trial fails') {
          if (!member.trialDue(nowMs)) return;
          member.beginTrial(nowMs);
          member.failed({ atOnce: false, onTrial: true, mayEject, nowMs });
        } else member.failed({ atOnce: what === 'refuses', onTrial: false, mayEject, nowMs });
        expect(members.some((m) => !m.out)).toBe(true);
        expect(member.untilMs - nowMs).toBeLessThanOrEqual(BACK_OFF_MAX_MS);
      });
    }),
  );
});
