/** What the governor tells guards of the fleet: only what holds them back, and until when. Silence holds nobody back. */

export interface FleetHold {
  /** One sentence for people. */
  readonly why: string;
  /** It ends by itself at this time, ms, unless it is renewed: a governor that dies holds nobody for ever. */
  readonly untilMs: number;
}

export interface FleetView {
  /** Too many automatic moves in a short time: no further one. */
  readonly brake: FleetHold | null;
  /** Too much went bad at once: no automatic move that callers do not confirm. */
  readonly panic: FleetHold | null;
}

export const CALM: FleetView = { brake: null, panic: null };

/** The hold that still stands at a time. @replayed */
export const standing = (hold: FleetHold | null, nowMs: number): FleetHold | null =>
  hold !== null && hold.untilMs > nowMs ? hold : null;
