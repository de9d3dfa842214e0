/**
 * What the fuzzer knows of a boundary: one file makes cases from a seed and plays them against real processes. A case is
 * plain JSON, so that a find is a file that a person can read and that is played again as it is. Bytes in it are text of
 * one character a byte (latin1).
 */
import type { Random } from '../sim/random.js';

export interface Boundary<Case = unknown> {
  /** What `--only` says. */
  readonly name: string;
  generate(random: Random): Case;
  open(): Promise<Arena<Case>>;
}

/** The processes under test, and whoever must not notice anything. */
export interface Arena<Case = unknown> {
  /** Plays one case, and checks what must hold during and after it. @throws Broken when it does not hold */
  play(one: Case): Promise<void>;
  /** What only many cases show: memory, for one. @throws Broken */
  checkNowAndThen?(): Promise<void>;
  close(): Promise<void>;
}

/** An invariant that did not hold: what the fuzzer is looking for. */
export class Broken extends Error {
  /** `evidence`: what the process said of it, as far as it did. */
  constructor(
    message: string,
    readonly evidence = '',
  ) {
    super(message);
    this.name = 'Broken';
  }
}

/** So that cases of different generators stand in one list. */
export function boundary<Case>(one: Boundary<Case>): Boundary {
  return one as unknown as Boundary;
}
