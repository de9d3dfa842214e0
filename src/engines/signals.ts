/**
 * From an engine's names to the signals that decisions use. Names move between releases, so every signal has a list of
 * them, newest first: the first one present wins, and when none is there the signal is not known.
 */
import { numberOf } from '../domain/outside.js';
import type { MetricsSeen } from '../domain/health/types.js';
import { labelOf, readSamples, samplesOf, type Sample } from './prometheus.js';

export type Signals = Omit<MetricsSeen, 'age'>;

export interface Alias {
  /** A metric, or one of its label sets: `name{label="value"}`. */
  readonly names: readonly string[];
  /** Over several engines behind one page counts add up, shares do not. */
  readonly over: 'sum' | 'max';
  /** Samples that agree in this label are one engine's, reported by each of its ranks: they count once. */
  readonly ranksOf?: string;
}

/** Signals that an engine does not have are left out. */
export type Aliases = Readonly<Partial<Record<keyof Signals, Alias>>>;

interface Source {
  readonly metric: string;
  readonly label: string | null;
  readonly value: string;
}

type Reader = (samples: ReadonlyMap<string, readonly Sample[]>) => number | null;

/** @returns a reader of whole pages; it answers `null` for a page that has none of the signals */
export function signalsReader(aliases: Aliases): (page: string) => Signals | null {
  const sources = Object.values(aliases).flatMap((alias) => alias.names.map(sourceOf));
  const metrics = new Set(sources.map((source) => source.metric));
  const running = readerOf(aliases.running);
  const waiting = readerOf(aliases.waiting);
  const steps = readerOf(aliases.steps);
  const tokens = readerOf(aliases.tokens);
  const kv = readerOf(aliases.kv);
  const preemptions = readerOf(aliases.preemptions);
  return (page) => {
    const samples = readSamples(page, metrics);
    if (samples.size === 0) return null;
    const signals = {
      running: running(samples),
      waiting: waiting(samples),
      steps: steps(samples),
      tokens: tokens(samples),
      kv: kv(samples),
      preemptions: preemptions(samples),
    };
    return Object.values(signals).every((value) => value === null) ? null : signals;
  };
}

function readerOf(alias: Alias | undefined): Reader {
  if (alias === undefined) return () => null;
  const sources = alias.names.map(sourceOf);
  return (samples) => {
    for (const source of sources) {
      const found = select(samples, source);
      if (found.length > 0) return numberOf(combine(found, alias));
    }
    return null;
  };
}

function sourceOf(name: string): Source {
  const match = /^([^{]+)(?:\{(\w+)="([^"]*)"\})?$/.exec(name);
  return { metric: match?.[1] ?? name, label: match?.[2] ?? null, value: match?.[3] ?? '' };
}

function select(samples: ReadonlyMap<string, readonly Sample[]>, source: Source): readonly Sample[] {
  const all = samplesOf(samples, source.metric);
  const { label } = source;
  return label === null ? all : all.filter((sample) => labelOf(sample, label) === source.value);
}

function combine(found: readonly Sample[], { over, ranksOf }: Alias): number {
  if (over === 'max') return found.reduce((most, { value }) => Math.max(most, value), -Infinity);
  if (ranksOf === undefined) return found.reduce((sum, { value }) => sum + value, 0);
  const engines = new Map<string, number>();
  for (const sample of found) {
    const engine = labelOf(sample, ranksOf) ?? '';
    engines.set(engine, Math.max(engines.get(engine) ?? -Infinity, sample.value));
  }
  return [...engines.values()].reduce((sum, value) => sum + value, 0);
}
