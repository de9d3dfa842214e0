/** Every engine dialect; a new one is one file and one line here (and its numbers in domain/health/probe-defaults.ts). */
import type { EngineKind } from '../domain/fleet.js';
import type { EngineDialect } from './engine.js';
import { generic } from './generic.js';
import { llamacpp } from './llamacpp.js';
import { ollama } from './ollama.js';
import { sglang } from './sglang.js';
import { tensorrtLlm } from './tensorrt-llm.js';
import { tgi } from './tgi.js';
import { triton } from './triton.js';
import { vllm } from './vllm.js';

const DIALECTS: Readonly<Record<EngineKind, EngineDialect>> = {
  generic,
  vllm,
  sglang,
  'tensorrt-llm': tensorrtLlm,
  triton,
  llamacpp,
  tgi,
  ollama,
};

export function dialectOf(engine: EngineKind): EngineDialect {
  return DIALECTS[engine];
}
