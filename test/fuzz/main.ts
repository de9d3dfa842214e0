/** `npm run fuzz`: plays cases for as long as is wanted; exit 1 when something was found. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BOUNDARIES } from './boundaries.js';
import type { Boundary } from './boundary.js';
import { describeFind, playAlone, run } from './run.js';

const NAMES = BOUNDARIES.map(({ name }) => name);
const PROGRESS_MS = 15_000;
const FINDS_MAX = 5;

const HELP = `Throws damaged and random input at every boundary of Understudy, against real processes.

  npm run fuzz -- --minutes 30                          all boundaries, the time shared among them
  npm run fuzz -- --minutes 10 --seed 7 --only cluster  one of them; the same seed makes the same cases
  npm run fuzz -- --only cluster --seed 7 --case 120    one case; --case 100-120: these in a row
  npm run fuzz -- --replay /tmp/understudy-fuzz/x.json  a case that was found and saved

  --minutes N   how long, 5 by default      --seed N    a whole number, 1 by default
  --only NAME   ${NAMES.join(', ')}
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    case: { type: 'string' },
    replay: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function wanted(): readonly Boundary[] {
  if (values.only === undefined) return BOUNDARIES;
  const found = BOUNDARIES.filter(({ name }) => name === values.only);
  if (found.length === 0) throw new Error(`There is no boundary "${values.only}"; there are: ${NAMES.join(', ')}`);
  return found;
}

async function replay(file: string): Promise<number> {
  const saved = JSON.parse(readFileSync(file, 'utf8')) as { readonly boundary: string; readonly case: unknown };
  const found = BOUNDARIES.find(({ name }) => name === saved.boundary);
  if (found === undefined) throw new Error(`${file} is of the boundary "${saved.boundary}", which is not known`);
  const broken = await playAlone(found, saved.case);
  say(broken === null ? 'everything held' : `BROKEN: ${broken.message}\n${broken.evidence}`);
  return broken === null ? 0 : 1;
}

async function fuzz(): Promise<number> {
  const seed = Number(values.seed);
  const minutes = Number(values.minutes);
  const cases = /^(\d+)(?:-(\d+))?$/.exec(values.case ?? '');
  if (!Number.isInteger(seed) || !(minutes > 0) || (values.case !== undefined && cases === null)) {
    process.stderr.write(HELP);
    return 2;
  }
  const from = Number(cases?.[1] ?? 0);
  const count = cases === null ? Infinity : Number(cases[2] ?? from) - from + 1;
  const boundaries = wanted();
  let found = 0;
  for (const boundary of boundaries) {
    const startedAt = performance.now();
    let saidAt = startedAt;
    const progress = (played: number): void => {
      if (performance.now() - saidAt < PROGRESS_MS) return;
      saidAt = performance.now();
      say(`${boundary.name}: ${played} cases in ${Math.round((saidAt - startedAt) / 1_000)} s`);
    };
    const untilMs = startedAt + (minutes * 60_000) / boundaries.length;
    const ran = await run(boundary, { seed, from, cases: count, untilMs, findsMax: FINDS_MAX, progress });
    for (const find of ran.finds) say(describeFind(find));
    say(`${boundary.name}: ${ran.played} cases played, seed ${seed}, ${ran.finds.length} found`);
    found += ran.finds.length;
  }
  return found === 0 ? 0 : 1;
}

if (values.help) say(HELP);
else process.exitCode = await (values.replay === undefined ? fuzz() : replay(values.replay));
