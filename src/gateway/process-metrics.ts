/** The page of a gateway: what it counts, and how each of its processes is. */
import type { TrafficState } from '../domain/traffic.js';
import { metricsPage, type Labels, type Metric, type Row } from './metrics-page.js';
import type { ProcessFigures } from './process-figures.js';

/** Labels are empty where there is one process only. */
export interface LabelledProcess {
  readonly labels: Labels;
  readonly figures: ProcessFigures;
}

export interface MetricsSource {
  readonly version: string;
  readonly states: () => Promise<readonly TrafficState[]>;
  readonly processes: () => Promise<readonly LabelledProcess[]>;
}

export async function pageOf({ version, states, processes }: MetricsSource): Promise<string> {
  const [counted, each] = await Promise.all([states(), processes()]);
  const build: Metric = {
    name: 'understudy_build_info',
    kind: 'gauge',
    help: 'Always 1; the version is a label.',
    rows: [[{ version }, 1]],
  };
  return metricsPage(counted, [build, refusals(each), faults(each), ...processMetrics(each)]);
}

const refusals = (each: readonly LabelledProcess[]): Metric => ({
  name: 'understudy_refused_total',
  kind: 'counter',
  help: 'Requests that were refused before a cluster was chosen, by the code of the answer.',
  rows: each.flatMap(({ labels, figures }) =>
    Object.entries(figures.refused).map(([reason, count]): Row => [{ reason, ...labels }, count]),
  ),
});

const faults = (each: readonly LabelledProcess[]): Metric => ({
  name: 'understudy_faults_total',
  kind: 'counter',
  help: 'Bugs that were met and cost no more than one request or message, by place; each is a line of the log.',
  rows: each.flatMap(({ labels, figures }) =>
    Object.entries(figures.faults).map(([place, count]): Row => [{ place, ...labels }, count]),
  ),
});

function processMetrics(each: readonly LabelledProcess[]): readonly Metric[] {
  const of = (
    name: string,
    help: string,
    { kind = 'gauge', value }: { kind?: Metric['kind']; value: (figures: ProcessFigures) => number | undefined },
  ): Metric => {
    const rows = each.flatMap(({ labels, figures }): readonly Row[] => {
      const figure = value(figures);
      return figure === undefined ? [] : [[labels, figure]];
    });
    return { name, kind, help, rows };
  };
  const late = (which: 'p50' | 'p99' | 'max'): Metric =>
    of(`nodejs_eventloop_lag_${which}_seconds`, 'Lateness of the event loop since the last scrape.', {
      value: ({ lagS }) => lagS?.[which],
    });
  return [
    of('process_start_time_seconds', 'Start of the process, seconds since 1970.', { value: (f) => f.startedAtS }),
    of('process_resident_memory_bytes', 'Resident memory.', { value: (f) => f.residentBytes }),
    of('nodejs_heap_size_used_bytes', 'Heap in use.', { value: (f) => f.heapUsedBytes }),
    of('understudy_held_bytes', 'Requests and answers that are under way and kept whole.', {
      value: (f) => f.heldBytes,
    }),
    of('process_cpu_seconds_total', 'CPU time, user and system.', { kind: 'counter', value: (f) => f.cpuS }),
    late('p50'),
    late('p99'),
    late('max'),
  ];
}
