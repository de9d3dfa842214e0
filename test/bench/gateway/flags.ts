/** What bench:gateway is asked to do. */
import { parseArgs } from 'node:util';
import { GROWTH_PCT_MAX } from './figures.js';
import { OTHERS, type Other } from './other-gateways.js';

const HELP = `npm run bench:gateway -- [flags]

Measures a direct call, a bare Node + undici pass-through, and our gateway with every feature on. Prints one line of JSON;
exit code 1 when a goal is missed. Needs Linux, wrk, and 20,000 file descriptors.

  --rounds N     turns of every contestant; 0 leaves out all that is about speed (5)
  --seconds N    of each measurement (3)
  --streams N    open at once for the memory; 0 leaves it out (8000)
  --soak N       seconds under load at the end; fails when memory grows by more than ${GROWTH_PCT_MAX} % (0: none)
  --haproxy      measures HAProxy too (apt-get install haproxy)
  --envoy        measures Envoy too
  --portkey      measures Portkey too
  --litellm      measures LiteLLM too
  --others       all four
  --help         this

Envoy, Portkey and LiteLLM are installed by themselves, once, into ~/.cache/understudy/gateways; that needs npm, python3
with venv, and their registries. LiteLLM takes some minutes.`;

export interface Flags {
  readonly rounds: number;
  readonly seconds: number;
  readonly streams: number;
  readonly soakS: number;
  readonly others: readonly Other[];
}

/** `null`: help was asked for, and told. @throws TypeError for a flag that is not known, Error for no number, or flags that leave nothing to do */
export function readFlags(args: readonly string[]): Flags | null {
  const no = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '3' },
      streams: { type: 'string', default: '8000' },
      soak: { type: 'string', default: '0' },
      haproxy: no,
      envoy: no,
      portkey: no,
      litellm: no,
      others: no,
      help: no,
    },
  });
  if (values.help) {
    console.log(HELP);
    return null;
  }
  const rounds = atLeast(0, 'rounds', values.rounds);
  const others = OTHERS.filter((name) => values.others || values[name]);
  if (rounds === 0 && others.length > 0)
    throw new Error(
      `--rounds 0 measures no speed, and of ${others.join(', ')} nothing else is measured: leave out one`,
    );
  return {
    rounds,
    seconds: atLeast(1, 'seconds', values.seconds),
    streams: atLeast(0, 'streams', values.streams),
    soakS: atLeast(0, 'soak', values.soak),
    others,
  };
}

function atLeast(min: number, name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min)
    throw new Error(`--${name} is a whole number from ${min}, not "${text}"`);
  return value;
}
