/** One list of hostile texts at every door to people: no raw character, no line that a text forged, no link, no mention. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { openReporter } from '../../src/cli/dev/reporter.js';
import { ok, problem } from '../../src/cli/doctor/check.js';
import { toldError, UsageError } from '../../src/cli/exit.js';
import { printJson, show, tellError } from '../../src/cli/output.js';
import { renderHistory } from '../../src/cli/render-history.js';
import { renderStatus } from '../../src/cli/render-status.js';
import { parseTrace } from '../../src/cli/simulate/read-trace.js';
import { renderApply } from '../../src/cli/verbs/apply.js';
import { renderChecks } from '../../src/cli/verbs/doctor.js';
import { renderExplanation } from '../../src/cli/verbs/explain.js';
import { renderForecast } from '../../src/cli/verbs/plan.js';
import { renderSummary } from '../../src/cli/verbs/record.js';
import { renderSimulation } from '../../src/cli/verbs/simulate.js';
import { parseFleet } from '../../src/config/load.js';
import type { StatusView } from '../../src/control/status.js';
import { CodedError } from '../../src/domain/errors.js';
import { mergeStory } from '../../src/domain/merge-story.js';
import { NO_REPORT, type MoveRecord } from '../../src/domain/move-record.js';
import { NOTHING_DELIVERED, type StoryView } from '../../src/domain/story.js';
import { metricsPage } from '../../src/gateway/metrics-page.js';
import { openLog } from '../../src/notify/log.js';
import { renderLine, renderRoot } from '../../src/notify/slack-blocks.js';
import { openWebhook } from '../../src/notify/webhook.js';
import { detailsOfCluster } from '../../src/workflows/cluster-details.js';
import { detailsOf } from '../../src/workflows/guard-details.js';
import { keptDiagnosis } from '../../src/workflows/guard-order.js';
import { readAttribution } from '../../src/workflows/read-message.js';
import { CLUSTERS } from '../kit/fleet.js';
import { Scene } from '../kit/guard-scene.js';
import { HOSTILE_TEXTS, rawCharacterIn } from '../kit/hostile-texts.js';
import { sampleHead, sampleLine } from '../kit/story-samples.js';

const AT = '2026-01-01T12:00:00.000Z';
const NOW = Date.parse(AT);
/** What our own picture is drawn with: places of the cursor, the second buffer. */
// eslint-disable-next-line no-control-regex -- escape sequences are what is looked for
const DRAWN = /\u001b\[(?:\?\d+[hl]|[HKJ])/g;

/** What a process writes to its terminal meanwhile. */
async function written(act: () => void | Promise<void>): Promise<string> {
  const [out, err] = [process.stdout.write.bind(process.stdout), process.stderr.write.bind(process.stderr)];
  let text = '';
  const keep = (chunk: unknown): boolean => ((text += String(chunk)), true);
  process.stdout.write = keep;
  process.stderr.write = keep;
  try {
    await act();
  } finally {
    process.stdout.write = out;
    process.stderr.write = err;
  }
  return text;
}

const move = (text: string): MoveRecord => ({
  id: `move/chat/7${text}`,
  kind: 'failover',
  from: [text],
  to: text,
  reason: text,
  by: text,
  via: 'signal',
  state: 'done',
  why: text,
  endedBy: null,
  startedAt: AT,
  endedAt: AT,
  steps: [{ name: text, at: AT, weights: { [text]: 100 }, verdict: 'proceed', why: text }],
  report: NO_REPORT,
  weights: { [text]: 100 },
});

const statusOf = (text: string): StatusView => ({
  services: [
    {
      name: text,
      mode: 'auto',
      frozen: { by: text, reason: text, until: AT },
      epoch: 4,
      strategy: 'primary-standby',
      intended: { [text]: 100 },
      clusters: [
        {
          name: text,
          role: text,
          verdict: 'dead',
          since: null,
          evidence: [text, `http: ${text} (limit: ${text}; seen by ${text})`],
          intended: 100,
          effective: 0,
          inFlight: 3,
          maintenance: { by: text, reason: text, until: AT },
          unwatchedFrom: [text],
        },
      ],
      spill: { from: text, to: text, sharePct: 5, since: AT, until: AT, why: text },
      move: {
        id: text,
        kind: 'failover',
        from: [text],
        to: text,
        step: text,
        state: text,
        question: text,
        startedAt: AT,
      },
      failback: { state: 'waiting', dueAt: null, why: text },
      whyNot: [{ at: AT, trigger: text, why: text }],
    },
  ],
  unanswered: [{ name: text, why: text }],
  gatewayNote: text,
});

const story = (text: string): StoryView => {
  const head = sampleHead({ title: text, state: text, cause: text, from: [text], to: text, next: [text] });
  return { id: `story/${text}`, head, lines: [sampleLine('1', { text, atMs: NOW })], ended: false };
};

function guardWith(text: string): Scene {
  const scene = new Scene();
  const fact = { dimension: 'http', seen: text, threshold: text, sinceMs: NOW, by: text } as const;
  const diagnosis = { verdict: 'degraded', sinceMs: NOW, evidence: [fact] } as const;
  scene.state = {
    ...scene.state,
    known: { 'eu-a': { diagnosis, lastGenerationOkAtMs: null, illSinceMs: null, failed: false, healedAtMs: null } },
    whyNot: [{ atMs: NOW, trigger: text, why: text }],
  };
  return scene;
}

const messageOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return toldError(error).message;
  }
  return 'it was taken';
};

const told = async (error: unknown): Promise<string> => await written(() => tellError(toldError(error), false));
const shown = async <T>(value: T, render: (value: T) => string): Promise<string> =>
  await written(() => show(value, false, render));

const TERMINAL: Readonly<Record<string, (text: string) => Promise<string>>> = {
  status: async (text) => await shown(statusOf(text), (view) => renderStatus(view, NOW)),
  history: async (text) => await shown({ moves: [move(text)] }, ({ moves }) => renderHistory('chat', moves)),
  explain: async (text) =>
    await shown(
      {
        service: text,
        automation: [text],
        clusters: [{ name: text, now: text, ifDead: text, ifDegraded: text, ifOverloaded: text, probes: [text] }],
        spill: text,
        home: text,
        last: text,
      },
      (view) => renderExplanation(view, NOW),
    ),
  plan: async (text) =>
    await shown(
      { service: text, kind: 'failover', notes: [text], possible: false, code: 'no-target', message: text },
      renderForecast,
    ),
  apply: async (text) =>
    await shown(
      {
        dryRun: false,
        changes: [{ kind: 'cluster', name: text, change: 'updated', fields: [{ field: text, from: text, to: text }] }],
        notes: [text],
      },
      renderApply,
    ),
  record: async (text) =>
    await shown(
      {
        file: text,
        service: text,
        clusters: [text],
        lines: 1,
        bytes: 1,
        seconds: 1,
        ended: 'time',
        moves: [{ t: 1, kind: 'failover', from: text, to: text, reason: text }],
      },
      renderSummary,
    ),
  simulate: async (text) =>
    await shown(
      {
        moves: [{ t: 1, kind: 'failover' as const, from: text, to: text, reason: text }],
        verdicts: [{ t: 1, cluster: text, verdict: 'dead' as const, why: text }],
        spills: [{ t: 1, from: text, to: text, sharePct: 5 }],
        notDone: [{ t: 1, trigger: text, why: text }],
        generationProbes: 1,
        ticks: 1,
      },
      (result) => renderSimulation('trace', result),
    ),
  doctor: async (text) =>
    await Promise.resolve(renderChecks([ok('clusters', text), problem('services', text, 'start it')])),
  'an error of ours': async (text) => await told(new CodedError('layer-unreachable', `the gateway said ${text}`)),
  'an error of somebody else': async (text) => await told(new Error(text)),
  'a wrong command line': async (text) => await told(new UsageError(`--set ${text}`)),
  'config check': async (text) => {
    const key = JSON.stringify(text.slice(0, 500));
    return await Promise.resolve(messageOf(() => parseFleet(`version: 1\n? ${key}\n: 1\n`, text)));
  },
  'a trace that is wrong': async (text) => {
    const header = '{"interval":2,"service":"s","vantages":["v"],"clusters":[{"name":"c","model":"m"}]}';
    const tick = JSON.stringify({ t: 1, seen: { [text.slice(0, 200)]: { v: 5 } } });
    return await Promise.resolve(messageOf(() => [...parseTrace(`${header}\n${tick}\n`, text).ticks()]));
  },
  'dev, line by line': async (text) =>
    await written(() => {
      const reporter = openReporter(false);
      reporter.event(text);
      reporter.status(statusOf(text));
      reporter.silence(text);
    }),
  'dev, the picture': async (text) => {
    const drawn = await written(() => {
      const reporter = openReporter(true);
      reporter.status(statusOf(text));
      reporter.silence(text);
      reporter.open({ urls: [], tips: [], processes: () => [] });
      reporter.close();
    });
    return drawn.replaceAll(DRAWN, '');
  },
};

/** The text of something of ours that nobody attacks: as many lines must come, whatever the text. */
const CALM = 'connection refused';
const linesOf = (text: string): number => text.split('\n').length;

describe.each(Object.entries(TERMINAL))('on the terminal of %s', (_door, render) => {
  test.each(HOSTILE_TEXTS)('a text with %s is harmless', async (_name, text) => {
    const [seen, calm] = [await render(text), await render(CALM)];
    expect(calm).toContain(_door === 'config check' || _door === 'a trace that is wrong' ? CALM : 'refused');
    expect(rawCharacterIn(seen)).toBeNull();
    expect(linesOf(seen)).toBe(linesOf(calm));
    expect(Buffer.byteLength(seen)).toBeLessThan(250_000);
  });
});

const slackTexts = (text: string): string[] =>
  [renderRoot(story(text)), renderLine(sampleLine('1', { text, atMs: NOW }))].flatMap((message) => [
    message.text,
    ...message.blocks
      .flatMap((block) => (block.type === 'section' ? [block.text] : block.elements))
      .map((part) => {
        expect(part).toMatchObject({ type: 'mrkdwn', verbatim: true });
        return part.text;
      }),
  ]);

test.each(HOSTILE_TEXTS)('in Slack a text with %s makes no mention, no link, no line', (_name, text) => {
  const [seen, calm] = [slackTexts(text), slackTexts(CALM)];
  // A text of nothing but line ends leaves its block out.
  expect(seen.join('\n').split('\n').length).toBeLessThanOrEqual(calm.join('\n').split('\n').length);
  for (const part of seen) {
    expect(rawCharacterIn(part)).toBeNull();
    expect(part.replace(/^<!date\^\d+\^\{time_secs\}\|[\d:]+ UTC>/u, '')).not.toMatch(/[<>]/u);
    expect(part.length).toBeLessThanOrEqual(3_000);
  }
});

const detailsWith = (text: string): string => {
  const spec = { ...CLUSTERS['eu-a'], name: text, model: text, region: text };
  const fact = { dimension: 'http', seen: text, threshold: text, sinceMs: NOW, by: text } as const;
  const diagnosis = { verdict: 'dead', sinceMs: NOW, evidence: [fact] } as const;
  const report = { vantage: text, diagnosis, atMs: NOW, lastGenerationOkAtMs: null };
  const order = { spec, vantages: [text], services: [text] } as Parameters<typeof detailsOfCluster>[0];
  return `${detailsOfCluster(order, diagnosis, [report])}\n${detailsOf(guardWith(text).state)}`;
};

test.each(HOSTILE_TEXTS)("in Temporal's UI a text with %s is no markup and no cell", (_name, text) => {
  const [seen, calm] = [detailsWith(text), detailsWith(CALM)];
  expect(rawCharacterIn(seen)).toBeNull();
  expect(linesOf(seen)).toBe(linesOf(calm));
  const withoutCode = seen.replaceAll(/`[^`\n]*`/gu, CALM);
  expect(withoutCode).not.toMatch(/[<>[\]!#`@]|:\/\/|www\./u);
  expect(seen.split('|').length).toBe(calm.split('|').length);
  expect(Buffer.byteLength(seen)).toBeLessThan(20_000);
});

test.each(HOSTILE_TEXTS)('in the log a text with %s is one line of JSON', async (_name, text) => {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  await openLog(write).publish(story(text), NOTHING_DELIVERED, { maybe: false, progress: () => undefined });
  lines.push((await written(() => printJson({ event: text }))).trimEnd());
  expect(lines.length).toBe(3);
  for (const line of lines) {
    expect(rawCharacterIn(line)).toBeNull();
    expect(line).not.toContain('\n');
    expect(JSON.stringify(JSON.parse(line))).toContain(JSON.stringify(text));
  }
});

test('to a webhook goes one line of JSON, whatever was said', async () => {
  const bodies: string[] = [];
  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    req.on('end', () => void (bodies.push(body), res.end()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const webhook = openWebhook({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, secret: 's' });
  for (const [, text] of HOSTILE_TEXTS) {
    const view = mergeStory({ ...story(CALM), lines: [] }, story(text));
    await webhook.publish(view, NOTHING_DELIVERED, { maybe: false, progress: () => undefined });
  }
  server.close();
  expect(bodies.length).toBe(HOSTILE_TEXTS.length);
  for (const body of bodies) {
    expect(rawCharacterIn(body)).toBeNull();
    expect(body).not.toContain('\n');
    expect(Buffer.byteLength(body)).toBeLessThan(30_000);
  }
});

test.each(HOSTILE_TEXTS)('on the page of metrics a text with %s is one label', (_name, text) => {
  const page = (label: string): string =>
    metricsPage([], [{ name: 'm', kind: 'gauge', help: 'h', rows: [[{ label }, 1]] }]);
  expect(rawCharacterIn(page(text))).toBeNull();
  expect(linesOf(page(text))).toBe(linesOf(page(CALM)));
  expect(page(text)).toMatch(/^m\{label="(?:[^"\\]|\\.)*"\} 1$/mu);
});

test.each(HOSTILE_TEXTS)('a story that holds a text with %s stays small', (_name, text) => {
  const merged = mergeStory({ ...story(CALM), lines: [] }, { ...story(text), head: story(text).head });
  expect(Buffer.byteLength(JSON.stringify({ head: merged.head, lines: merged.lines }))).toBeLessThan(30_000);
});

test.each(HOSTILE_TEXTS)('of a signal with %s a guard keeps a bounded, printable part', (_name, text) => {
  const fact = { dimension: 'http', seen: text, threshold: text, sinceMs: NOW, by: text, more: text } as const;
  const sent = {
    verdict: 'dead',
    sinceMs: NOW,
    evidence: Array(500).fill(fact),
    unwatchedFrom: [text],
    more: text,
  } as const;
  const kept = keptDiagnosis(sent);
  expect(rawCharacterIn(JSON.stringify(kept))).toBeNull();
  expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThan(80_000);
  const who = readAttribution({ by: text, reason: text }, 'signal');
  expect(rawCharacterIn(JSON.stringify(who))).toBeNull();
  expect(Buffer.byteLength(JSON.stringify(who))).toBeLessThan(4_000);
});
