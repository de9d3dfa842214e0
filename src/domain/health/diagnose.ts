/**
 * From what each dimension says to what the cluster is: one ordered list of rules, the first that holds decides.
 * Worse comes first, except that a contradiction by callers who are served outranks what probes alone believe.
 */
import type { ClusterSpec } from '../fleet.js';
import { DIMENSIONS, type Dimension, type Evidence, type Verdict } from '../words.js';
import type { DimensionHealth } from './hysteresis.js';
import { WRONG_ANSWER, wasSilence } from './judge-tick.js';
import type { VantageHealth } from './vantage.js';

/** A model takes minutes to load, not an hour: after this long "loading" is a fault. */
const LOADING_MAX_MS = 15 * 60_000;
/** A success of a caller this old contradicts nothing any more; at short intervals five of them count. */
const SERVED_MAX_MS = 15_000;

/** So many times `fall` failures in a row are no blip any more, whatever contradicts them. */
const SILENT_FALLS = 2;
/** Scattered silence that completions contradict needs so many failures more among the last ones. */
const CONTRADICTED_GRAY_MORE = 2;

interface Look {
  readonly health: VantageHealth;
  readonly cluster: ClusterSpec;
  readonly atMs: number;
}

interface Finding {
  readonly verdict: Verdict;
  readonly evidence: readonly Evidence[];
}

const WELL: Finding = { verdict: 'healthy', evidence: [] };

interface Rule {
  readonly verdict: Verdict;
  readonly when: (look: Look) => boolean;
  readonly because: readonly Dimension[];
}

/** Confirmed, and the last word of the dimension was a failure too: one that is on its way back decides nothing new. */
function failing(look: Look, dimension: Dimension): boolean {
  const state = look.health.dimensions[dimension];
  return state.failing !== null && state.failures > 0;
}

const RULES: readonly Rule[] = [
  { verdict: 'starting', when: isStarting, because: ['http', 'generation'] },
  {
    verdict: 'unreachable',
    when: (l) => failing(l, 'http') && areCallersServed(l) && !isHardwareBad(l),
    because: ['http', 'generation'],
  },
  { verdict: 'dead', when: isGone, because: ['http', 'generation', 'passive'] },
  { verdict: 'stuck', when: (l) => failing(l, 'progress'), because: ['progress', 'generation', 'passive'] },
  { verdict: 'degraded', when: (l) => failing(l, 'generation') && isContentWrong(l), because: ['generation'] },
  {
    verdict: 'unreachable',
    when: (l) => failing(l, 'generation') && areCallersServed(l) && !isHardwareBad(l),
    because: ['generation'],
  },
  { verdict: 'stuck', when: isStandingStill, because: ['generation', 'passive'] },
  { verdict: 'dead', when: isNobodyServed, because: ['generation', 'passive'] },
  {
    verdict: 'degraded',
    when: (l) => isGenerationBad(l) || failing(l, 'passive'),
    because: ['generation', 'passive', 'http'],
  },
  { verdict: 'degraded', when: isHardwareBad, because: ['gpu', 'memory', 'identity'] },
  { verdict: 'degraded', when: isHttpBad, because: ['http'] },
  { verdict: 'overloaded', when: (l) => failing(l, 'latency') && l.health.engine.crowded, because: ['latency'] },
  {
    verdict: 'unreachable',
    when: (l) => failing(l, 'latency') && areCallersServed(l),
    because: ['latency'],
  },
  { verdict: 'degraded', when: (l) => failing(l, 'latency'), because: ['latency'] },
  { verdict: 'overloaded', when: (l) => l.health.load.failing !== null, because: [] },
];

/** The verdict and its evidence at this moment. `health` holds the verdict before. @replayed */
export function diagnose(health: VantageHealth, atMs: number, cluster: ClusterSpec): Finding {
  if (health.verdict === 'healthy' && isUntroubled(health)) return WELL;
  const look: Look = { health, cluster, atMs };
  const rule = RULES.find((r) => r.when(look));
  if (rule === undefined) return comeBack(look);
  return { verdict: rule.verdict, evidence: collect(look, rule) };
}

/** The most frequent case by far: no rule below can hold. */
function isUntroubled({ dimensions, load, loading }: VantageHealth): boolean {
  if (loading || load.failing !== null) return false;
  return DIMENSIONS.every((d) => dimensions[d].failures === 0 && dimensions[d].failing === null);
}

/** Nothing is wrong just now: how far the way back is. */
function comeBack({ health, cluster, atMs }: Look): Finding {
  const { verdict, good } = health;
  const { rise } = cluster.health;
  const keep = { verdict, evidence: health.evidence };
  if (verdict === 'healthy' || verdict === 'overloaded') return WELL;
  const needed = verdict === 'unknown' ? 1 : rise;
  if (good >= needed && answers(health) && !isAnyLatched(health)) return WELL;
  const back = verdict === 'dead' && answers(health) && atMs - health.sinceMs >= dwellMs(cluster);
  if (!back && verdict !== 'starting') return keep;
  const seen = `answers again, ${good} of ${rise} successes`;
  return {
    verdict: 'starting',
    evidence: [{ dimension: 'http', seen, threshold: `${rise} successes`, sinceMs: health.sinceMs, by: '' }],
  };
}

const isAnyLatched = (health: VantageHealth): boolean => DIMENSIONS.some((d) => health.dimensions[d].failing !== null);

const answers = (health: VantageHealth): boolean => health.dimensions.http.failures === 0 && !health.loading;

/** `dead` stands for at least a whole way back, so that vantages that look at other moments can agree on it. */
const dwellMs = (cluster: ClusterSpec): number => cluster.health.rise * cluster.health.intervalMs;

/**
 * A cluster that was well and says "loading" has restarted under its callers: that is `dead` first, as everybody who is
 * sent there fails. Only one that carried nothing (unknown, or dead for a while) is merely `starting`, and stays so until
 * its first completion comes out.
 */
function isStarting(look: Look): boolean {
  const { health, cluster, atMs } = look;
  const { verdict, sinceMs, loading } = health;
  if (!loading) return verdict === 'starting' && atMs - sinceMs < LOADING_MAX_MS && isWarmingUp(look);
  if (atMs - (health.dimensions.http.sinceMs ?? atMs) >= LOADING_MAX_MS) return false;
  if (verdict === 'dead') return atMs - sinceMs >= dwellMs(cluster);
  return verdict === 'starting' || verdict === 'unknown';
}

/** It answers again, but no completion has come out yet, and nobody real is hurt by that. */
function isWarmingUp(look: Look): boolean {
  const { health } = look;
  if (failing(look, 'http') || failing(look, 'passive') || health.dimensions.generation.failures === 0) return false;
  return !hasCompletedSince(look, health.sinceMs);
}

/** No answer in a row, and no completion came out since, to nobody. */
function isGone(look: Look): boolean {
  const { health } = look;
  const { http } = health.dimensions;
  if (http.failing !== 'row' || !isRowLong(look)) return false;
  return !hasCompletedSince(look, http.rowSinceMs) && !areCallersAnswered(look);
}

/** Completions begin and stand still: confirmed by themselves, or by real requests that fail meanwhile. */
function isStandingStill(look: Look): boolean {
  if (!look.health.hangs) return false;
  return isGenerationBad(look) || (failing(look, 'passive') && look.health.dimensions.generation.failures > 0);
}

/**
 * Completions alone, with everything else well and no caller hurt, are worth one more look: at one failed probe of a
 * hundred three in a row happen by chance every two months, four do not in a lifetime.
 */
function isGenerationBad(look: Look): boolean {
  const { generation, passive } = look.health.dimensions;
  if (!failing(look, 'generation')) return false;
  if (generation.failing === 'gray' || passive.failures > 0 || isContentWrong(look)) return true;
  return generation.failures > look.cluster.health.fall;
}

/**
 * A status is the cluster's own word. Silence is contradicted by completions that come out meanwhile, unless it lasts
 * for so long that no blip and no chance explains it.
 */
function isHttpBad(look: Look): boolean {
  const { http } = look.health.dimensions;
  if (!failing(look, 'http')) return false;
  if (!wasSilence(http.seen) || http.failures >= SILENT_FALLS * look.cluster.health.fall) return true;
  const { failures, of } = look.cluster.health.gray;
  if (http.recent.filter(Boolean).length >= Math.min(of, failures + CONTRADICTED_GRAY_MORE)) return true;
  if (http.failing === 'gray') return !hasCompletedSince(look, http.sinceMs);
  return isRowLong(look) && !hasCompletedSince(look, http.rowSinceMs);
}

/** One more failure soon after a row that was contradicted is no row again; for a cluster that is bad already it is enough. */
function isRowLong({ health, cluster }: Look): boolean {
  const isBad = health.verdict === 'dead' || health.verdict === 'starting' || health.verdict === 'degraded';
  return health.dimensions.http.failures >= (isBad ? 1 : cluster.health.fall);
}

/** A completion that ends within an interval after a trouble began may have been under way before it: that proves nothing. */
function hasCompletedSince({ health, cluster }: Look, sinceMs: number | null): boolean {
  return (health.lastGenerationOkAtMs ?? 0) > (sinceMs ?? 0) + cluster.health.intervalMs;
}

/** HTTP may answer, but completions fail and every real request does too. */
function isNobodyServed(look: Look): boolean {
  const { health } = look;
  if (!failing(look, 'passive') || !health.callers.allFail) return false;
  return !hasCompletedSince(look, health.dimensions.passive.rowSinceMs);
}

function isContentWrong({ health }: Look): boolean {
  return health.dimensions.generation.seen === WRONG_ANSWER;
}

/** What traffic cannot contradict: broken hardware, no memory left, another model. */
function isHardwareBad(look: Look): boolean {
  return failing(look, 'gpu') || failing(look, 'memory') || failing(look, 'identity');
}

/** Callers get answers, and in time: they contradict the probes. */
function areCallersServed(look: Look): boolean {
  return areCallersAnswered(look) && !look.health.callers.slow;
}

/** Real requests have succeeded since the doubt began, lately, and none of the last ones failed. */
function areCallersAnswered({ health, cluster, atMs }: Look): boolean {
  const { servedAtMs } = health.callers;
  if (
    servedAtMs === null ||
    atMs - servedAtMs > Math.max(SERVED_MAX_MS, cluster.health.rise * cluster.health.intervalMs)
  )
    return false;
  return !health.dimensions.passive.recent.slice(-cluster.health.fall).includes(true);
}

/** What the rule is about comes first, then whatever else is confirmed. */
function collect({ health, atMs }: Look, rule: Rule): readonly Evidence[] {
  const doubted = rule.because.filter((d) => health.dimensions[d].failures > 0);
  const others = DIMENSIONS.filter((d) => !doubted.includes(d) && health.dimensions[d].failing !== null);
  const evidence = [...doubted, ...others].map((d) => describe(d, health.dimensions[d]));
  if (rule.verdict === 'unreachable') evidence.push(servedEvidence(health, atMs));
  if (rule.verdict === 'overloaded') evidence.push(describe('progress', health.load));
  return evidence;
}

function describe(dimension: Dimension, state: DimensionHealth): Evidence {
  const row = state.failures > 1 ? `, ${state.failures} in a row` : '';
  const by = dimension === 'passive' ? 'gateway' : '';
  return { dimension, seen: `${state.seen}${row}`, threshold: state.threshold, sinceMs: state.sinceMs ?? 0, by };
}

function servedEvidence(health: VantageHealth, atMs: number): Evidence {
  const seen = 'real requests succeed: the probes are contradicted';
  return {
    dimension: 'passive',
    seen,
    threshold: 'no failure of a caller',
    sinceMs: health.callers.servedAtMs ?? atMs,
    by: 'gateway',
  };
}
