/** Lives through one seed and tells what happened. */
import { broken } from './invariants.js';
import type { Condition } from './cluster-model.js';
import { World } from './world.js';

export interface WorldRun {
  /** Broken invariants, each with its time; the run ends at the first step that breaks one. */
  readonly broken: readonly string[];
  readonly story: readonly string[];
  readonly moves: number;
}

const STORY_LINES_MAX = 400;

export function runWorld({ seed, hours }: { readonly seed: number; readonly hours: number }): WorldRun {
  const world = new World(seed);
  const { simulation, header } = world;
  const story = [
    `seed ${seed}: ${header.clusters.length} clusters, a tick every ${header.interval} s, ${header.vantages.length} vantages, failback ${header.failback}`,
  ];
  const tell = (t: number, line: string): void => {
    story.push(`${t} s: ${line}`);
    if (story.length > STORY_LINES_MAX) story.splice(1, 1);
  };
  let truth: Readonly<Record<string, Condition>> = {};
  for (let step = 0; step < (hours * 3_600) / header.interval; step += 1) {
    const before = { state: simulation.state, moves: simulation.moves.length, verdicts: simulation.verdicts.length };
    const noted = simulation.state.whyNot[0];
    const moment = world.step();
    for (const [name, condition] of Object.entries(moment.truth))
      if (condition !== (truth[name] ?? 'well')) tell(moment.t, `in truth ${name} is ${condition}`);
    truth = moment.truth;
    for (const v of simulation.verdicts.slice(before.verdicts))
      tell(v.t, `${v.cluster} is called ${v.verdict}: ${v.why}`);
    for (const m of simulation.moves.slice(before.moves)) tell(m.t, `${m.kind} ${m.from} > ${m.to}: ${m.reason}`);
    const note = simulation.state.whyNot[0];
    if (note !== undefined && note !== noted) tell(moment.t, `nothing moved (${note.trigger}): ${note.why}`);
    const sentences = broken(world, before).map((sentence) => `${moment.t} s: ${sentence}`);
    if (sentences.length > 0)
      return { broken: sentences, story: [...story, ...sentences], moves: simulation.moves.length };
  }
  return { broken: [], story, moves: simulation.moves.length };
}
