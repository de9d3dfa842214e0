/** The process in which parts are played: a case comes as a message, and is answered when all of it held. */
import { PLAYERS } from './players.js';

export interface Played {
  /** `null`: everything held. */
  readonly broken: string | null;
  readonly residentBytes: number;
}

const play = PLAYERS[process.argv[2] as keyof typeof PLAYERS] as (one: unknown) => Promise<void>;

process.on('message', (one: unknown) => {
  void play(one).then(
    () => answer(null),
    (error: unknown) => answer(error instanceof Error ? (error.stack ?? error.message) : 'thrown what is no error'),
  );
});
process.on('disconnect', () => process.exit());
process.send?.('ready');

function answer(broken: string | null): void {
  process.send?.({ broken, residentBytes: process.memoryUsage.rss() } satisfies Played);
}
