/**
 * Real engines behind the gateway, broken in the middle of a stream in all the ways in which their processes can break.
 * Caller's side: one whole answer, the one that the same engine gives when nothing breaks. Watcher's side: the fault by
 * its name. The engines are installed by `npm run test:engines`, which runs this; an engine's start takes a minute.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/domain/words.js';
import { eventually } from '../kit/eventually.js';
import { gateway, service, stopAll, type Lab } from '../gateway/kit.js';
import { openStream, readStream, type Usage } from '../gateway/read-stream.js';
import { llamacpp, MODEL, RealEngine, signal, vllm, type EngineRecipe } from './engine.js';
import { watch, type Watched } from './watched.js';

const TOKENS = 240;
/** Frames before the fault: the stream is well under way. */
const BEFORE = 30;
const IDLE_MS = 2_000;

interface Fault {
  readonly name: string;
  /** Title of the process that is hit; `null`: the one that listens. */
  readonly hits: string | null;
  readonly with: NodeJS.Signals;
  readonly is: Verdict;
  /** What the evidence must speak of. */
  readonly because: RegExp;
}

const FROZEN_ENGINE = /progress: .*(step|stand)|generation: /;
const SILENT = /http: /;

const VLLM_FAULTS: readonly Fault[] = [
  { name: 'engine core frozen', hits: 'EngineCore', with: 'SIGSTOP', is: 'stuck', because: FROZEN_ENGINE },
  { name: 'API server frozen', hits: null, with: 'SIGSTOP', is: 'dead', because: SILENT },
  { name: 'engine core killed', hits: 'EngineCore', with: 'SIGKILL', is: 'dead', because: SILENT },
  { name: 'API server killed', hits: null, with: 'SIGKILL', is: 'dead', because: SILENT },
  { name: 'terminated', hits: null, with: 'SIGTERM', is: 'dead', because: SILENT },
];

const LLAMA_FAULTS: readonly Fault[] = [
  { name: 'frozen', hits: null, with: 'SIGSTOP', is: 'dead', because: SILENT },
  { name: 'killed', hits: null, with: 'SIGKILL', is: 'dead', because: SILENT },
  { name: 'terminated', hits: null, with: 'SIGTERM', is: 'dead', because: SILENT },
];

const ENGINES: readonly [string, EngineRecipe, readonly Fault[]][] = [
  ['vLLM', vllm, VLLM_FAULTS],
  ['llama-server', llamacpp, LLAMA_FAULTS],
];

describe.each(ENGINES)('two %s', (_name, recipe, faults) => {
  const engines: RealEngine[] = [];
  let watched: Watched | null = null;
  let lab: Lab;
  /** What makes the broken engine well again, if it is broken. */
  let heal: (() => Promise<void>) | null = null;

  beforeAll(async () => {
    engines.push(await RealEngine.start(recipe), await RealEngine.start(recipe));
    await Promise.all(engines.map(async (engine) => await engine.ready()));
    const [a, b] = engines;
    const { members, ...rest } = service({ a: a?.url ?? '', b: b?.url ?? '' }, { a: 100, b: 0 });
    const own = members.map((m) => ({ ...m, model: MODEL, engine: recipe.kind }));
    lab = await gateway([{ ...rest, members: own }], { settings: { idleTimeoutMs: IDLE_MS } });
    watched = watch('a', engines[0]!);
    await watched.becomes('healthy');
  });
  afterAll(async () => {
    await watched?.close();
    await stopAll();
    for (const engine of engines) engine.kill();
  });

  afterEach(async () => {
    await heal?.();
    heal = null;
    await watched?.becomes('healthy');
  });

  test.each(faults)('$name in the middle of a stream', async (fault) => {
    const [a, b] = engines as [RealEngine, RealEngine];
    const question = {
      model: MODEL,
      messages: [{ role: 'user', content: `Tell me of ${fault.name}.` }],
      max_tokens: TOKENS,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    };
    const right = await readStream(await openStream(b.url, question));
    await carriedBy(lab, 'a');
    const stream = await openStream(lab.url, question);
    await stream.tokens(BEFORE);
    const pid = a.pidOf(fault.hits);
    heal = async () => await (fault.with === 'SIGSTOP' ? Promise.resolve(signal(pid, 'SIGCONT')) : a.restart());
    signal(pid, fault.with);
    const seen = await readStream(stream);
    expect(seen).toMatchObject({
      text: right.text,
      finishReasons: ['length'],
      dones: 1,
      roles: 1,
      errors: [],
      comments: ['understudy continued=1 from=a to=b'],
    });
    expect(seen.usages.map(counts)).toEqual(right.usages.map(counts));
    expect((await watched!.becomes(fault.is)).join('\n')).toMatch(fault.because);
  });
});

/** How much of a prompt was cached differs from answer to answer. */
const counts = ({ prompt_tokens, completion_tokens, total_tokens }: Usage): readonly number[] => [
  prompt_tokens,
  completion_tokens,
  total_tokens,
];

/** The gateway leaves out what failed, and takes it back by a trial request. */
async function carriedBy(lab: Lab, cluster: string): Promise<void> {
  await eventually(async () => {
    const answer = await lab.chat({ model: MODEL, messages: [{ role: 'user', content: 'x' }], max_tokens: 1 });
    await answer.arrayBuffer();
    return answer.headers.get('x-understudy-cluster') === cluster;
  }, 60_000);
}
