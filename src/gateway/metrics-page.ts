/**
 * What is counted anyway, as a page in Prometheus' text format. It is made when it is asked for, so that a request costs
 * nothing more. (Prometheus' own client for Node counts by itself, and cannot take a histogram that was counted elsewhere.)
 */
import { printable } from '../domain/printable.js';
import {
  FIRST_TOKEN_BUCKETS_MS,
  type ClusterCounters,
  type ClusterTraffic,
  type TrafficState,
} from '../domain/traffic.js';
import type { Unknown } from '../domain/words.js';

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export type Labels = Readonly<Record<string, string>>;
export type Row = readonly [labels: Labels, value: number];

export interface Metric {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  readonly rows: readonly Row[];
}

/** Metrics of services and clusters, then `more`. */
export function metricsPage(states: readonly TrafficState[], more: readonly Metric[]): string {
  const metrics = [...callerMetrics(states), ...clusterMetrics(states), ...routeMetrics(states), ...more];
  return `${metrics.map(block).join('')}${firstTokenBlock(states)}`;
}

/** What is not known has no sample. */
const said = (labels: Labels, value: number | Unknown | undefined): readonly Row[] =>
  value === undefined || value === 'unknown' ? [] : [[labels, value]];

function callerMetrics(states: readonly TrafficState[]): readonly Metric[] {
  const known = states.flatMap(({ service, callers }) => (callers === 'unknown' ? [] : [{ service, callers }]));
  const each = (name: string, help: string, field: 'total' | 'retried' | 'continued' | 'queued' | 'shed'): Metric => {
    const rows = known.flatMap(({ service, callers }) => said({ service }, callers[field]));
    return { name, kind: 'counter', help, rows };
  };
  return [
    each('understudy_requests_started_total', 'Requests of callers that began.', 'total'),
    {
      name: 'understudy_requests_total',
      kind: 'counter',
      help: 'Requests of callers that ended, by outcome: ok, client and quota (refused for their own doing), lost, cut.',
      rows: known.flatMap(({ service, callers }) =>
        (['ok', 'client', 'quota', 'lost', 'cut'] as const).map((outcome): Row => [
          { service, outcome },
          callers[outcome],
        ]),
      ),
    },
    each(
      'understudy_requests_retried_total',
      'Requests that needed a second cluster before the first byte.',
      'retried',
    ),
    each('understudy_requests_continued_total', 'Streams that broke and went on from another cluster.', 'continued'),
    each('understudy_requests_queued_total', 'Requests that waited for room.', 'queued'),
    each('understudy_requests_shed_total', 'Requests that were refused because everything was full.', 'shed'),
    {
      name: 'understudy_waiting',
      kind: 'gauge',
      help: 'Requests that wait for room now.',
      rows: states.flatMap(({ service, waiting }) => said({ service }, waiting)),
    },
  ];
}

interface Place {
  readonly labels: Labels;
  readonly traffic: ClusterTraffic;
}

interface CountedPlace extends Place {
  readonly counters: ClusterCounters;
}

const placesOf = (states: readonly TrafficState[]): readonly Place[] =>
  states.flatMap(({ service, clusters }) =>
    Object.entries(clusters).map(([cluster, traffic]) => ({ labels: { service, cluster }, traffic })),
  );

const countedOf = (states: readonly TrafficState[]): readonly CountedPlace[] =>
  placesOf(states).flatMap(({ labels, traffic }) =>
    traffic.counters === 'unknown' ? [] : [{ labels, traffic, counters: traffic.counters }],
  );

function clusterMetrics(states: readonly TrafficState[]): readonly Metric[] {
  const counted = countedOf(states);
  return [
    {
      name: 'understudy_attempts_started_total',
      kind: 'counter',
      help: 'Attempts on a cluster that began.',
      rows: counted.map(({ labels, counters }) => [labels, counters.requests]),
    },
    {
      name: 'understudy_attempts_total',
      kind: 'counter',
      help: 'Attempts on a cluster that ended, by outcome: ok, or who must answer for it (client, quota, cluster), or cut.',
      rows: counted.flatMap(({ labels, counters }) =>
        (['ok', 'client', 'quota', 'cluster', 'cut'] as const).map((outcome): Row => [
          { ...labels, outcome },
          counters[outcome],
        ]),
      ),
    },
    {
      name: 'understudy_ejections_total',
      kind: 'counter',
      help: 'How often a cluster was ejected for what requests met there.',
      rows: counted.flatMap(({ labels, counters }) => said(labels, counters.ejections)),
    },
    {
      name: 'understudy_spilled_total',
      kind: 'counter',
      help: 'Attempts that came to a cluster only because those that carry were full.',
      rows: counted.flatMap(({ labels, counters }) => said(labels, counters.spilled)),
    },
    {
      name: 'understudy_in_flight',
      kind: 'gauge',
      help: 'Requests that a cluster is answering.',
      rows: placesOf(states).flatMap(({ labels, traffic }) => said(labels, traffic.inFlight)),
    },
  ];
}

function routeMetrics(states: readonly TrafficState[]): readonly Metric[] {
  return [
    {
      name: 'understudy_weight_percent',
      kind: 'gauge',
      help: 'Share of a cluster: intended by the controller, and effective now.',
      rows: states.flatMap((state) =>
        (['intended', 'effective'] as const).flatMap((kind) =>
          Object.entries(state[kind]).map(([cluster, weight]): Row => [
            { service: state.service, cluster, kind },
            weight,
          ]),
        ),
      ),
    },
    {
      name: 'understudy_drained',
      kind: 'gauge',
      help: '1 for a cluster that takes no new requests.',
      rows: placesOf(states).map(({ labels, traffic }) => [labels, traffic.drained ? 1 : 0]),
    },
    {
      name: 'understudy_epoch',
      kind: 'gauge',
      help: 'Epoch of the last writer of a service.',
      rows: states.map(({ service, epoch }) => [{ service }, epoch]),
    },
  ];
}

const FIRST_TOKEN = 'understudy_first_token_seconds';

function firstTokenBlock(states: readonly TrafficState[]): string {
  const lines = countedOf(states).flatMap(({ labels, counters }) => {
    let sum = 0;
    const buckets = counters.firstToken.map((count, i) => {
      const bound = FIRST_TOKEN_BUCKETS_MS[i];
      sum += count;
      return line(
        `${FIRST_TOKEN}_bucket`,
        { ...labels, le: bound === undefined ? '+Inf' : String(bound / 1_000) },
        sum,
      );
    });
    const total = counters.firstTokenMsSum;
    const ofSum = total === undefined ? [] : [line(`${FIRST_TOKEN}_sum`, labels, total / 1_000)];
    return [...buckets, ...ofSum, line(`${FIRST_TOKEN}_count`, labels, sum)];
  });
  return head(FIRST_TOKEN, 'histogram', 'Time to the first token of streams.') + lines.join('');
}

const block = ({ name, kind, help, rows }: Metric): string =>
  head(name, kind, help) + rows.map(([labels, value]) => line(name, labels, value)).join('');

const head = (name: string, kind: string, help: string): string => `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`;

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
}

/** A label is one bounded line, whoever wrote it; the two characters with a meaning are escaped. */
const escaped = (text: string): string => printable(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"');
