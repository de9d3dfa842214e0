/** What `doctor` asks others: Temporal, workers, the gateway, the clusters. */
import { messageOf } from '../../domain/describe-error.js';
import type { Instance } from '../../config/instance.js';
import type { Control } from '../../control/control.js';
import { type GatewayAdmin, readGatewayState } from '../../control/gateway-state.js';
import { findFailingGuards, findUnwatched } from '../../control/failing.js';
import { readPollers, type WorkerKind } from '../../control/pollers.js';
import { WORKFLOW_TYPE, workflowIdOf } from '../../control/running.js';
import type { ClusterStatus, StatusView } from '../../control/status.js';
import type { ClusterSpec, Fleet } from '../../domain/fleet.js';
import { unwatchedOf } from '../../domain/guard/unwatched.js';
import { parseFields, textOf } from '../../domain/outside.js';
import type { ServiceName } from '../../domain/words.js';
import { boundedText, SMALL_ANSWER_BYTES_MAX } from '../../outside/bounded-text.js';
import { findFailingTasks } from '../../temporal/failing-tasks.js';
import { type Check, failed, ok, problem, skipped } from './check.js';

const CLUSTER_TIMEOUT_MS = 3_000;
const APPLY = '`understudy apply -f <file>`';
const READ_TASK_FAILURES =
  'its error is in Temporal’s UI (Task Failures) and in the log of the control worker. If the program was changed: run the version that began it';

/** `status`, here and below: what the guards answer, asked once for all checks; only `checkServices` tells of its failure. */
type Asked = Promise<StatusView>;

/** One check a kind of worker that must be there. */
export async function checkWorkers(
  control: Control,
  status: Asked,
  vantages: readonly string[],
): Promise<readonly Check[]> {
  const lost = lostVantages(await clustersOf(status));
  return await Promise.all([
    checkWorker(control, { kind: 'control' }),
    ...vantages.map(
      async (vantage) =>
        lost.find((each) => each.vantage === vantage)?.check ??
        (await checkWorker(control, { kind: 'probe', vantage })),
    ),
  ]);
}

/** Of the guards that answered; silent ones are told of elsewhere. */
async function clustersOf(status: Asked): Promise<readonly ClusterStatus[]> {
  const { services } = await status.catch(() => ({ services: [] }));
  return services.flatMap(({ clusters }) => clusters);
}

/** Vantages that clusters wait for in vain, whatever workers seem to be there. */
function lostVantages(
  watched: readonly ClusterStatus[],
): readonly { readonly vantage: string; readonly check: Check }[] {
  return unwatchedOf(watched).map(({ vantage, clusters }) => ({
    vantage,
    check: problem(
      nameOf({ kind: 'probe', vantage }),
      `nobody watches ${[...new Set(clusters)].join(', ')} from there`,
      `start \`${commandOf({ kind: 'probe', vantage })}\`, or see why it does not go on`,
    ),
  }));
}

const nameOf = (worker: WorkerKind): string =>
  worker.kind === 'control' ? 'control worker' : `probe worker ${worker.vantage}`;
const commandOf = (worker: WorkerKind): string =>
  worker.kind === 'control' ? 'understudy worker control' : `understudy worker probe --vantage ${worker.vantage}`;

async function checkWorker(control: Control, worker: WorkerKind): Promise<Check> {
  const name = nameOf(worker);
  try {
    const pollers = await readPollers(control, worker);
    return pollers.length > 0
      ? ok(name, pollers.join(', '))
      : problem(name, 'none asks for work', `start \`${commandOf(worker)}\``);
  } catch (error) {
    return failed(name, error);
  }
}

/** The guards, asked for real: a listed worker may just have died. `configured`: who should have one. */
export async function checkServices(
  control: Control,
  status: Asked,
  configured: readonly ServiceName[],
): Promise<Check> {
  try {
    const { services, unanswered } = await status;
    const [silent] = unanswered;
    if (silent !== undefined)
      return (
        (await checkFailing(control)) ??
        problem('services', `${silent.name}: ${silent.why}`, 'see the output of the control worker')
      );
    if (services.length === 0) return problem('services', 'none is configured', APPLY);
    const unguarded = configured.filter((name) => !services.some((service) => service.name === name));
    if (unguarded.length > 0) return problem('services', `nobody guards ${unguarded.join(', ')}`, APPLY);
    return ok('services', services.map((s) => s.name).join(', '));
  } catch (error) {
    const failing = await checkFailing(control).catch(() => null);
    return failing ?? failed('services', error, 'start `understudy worker control`, or see why it ended');
  }
}

/** Clusters of the guards whose own workflow watches nothing: the guards decide by what it said last. */
export async function checkWatches(control: Control, status: Asked): Promise<readonly Check[]> {
  const names = [...new Set((await clustersOf(status)).map(({ name }) => name))].sort();
  try {
    return (await findUnwatched(control, names)).map(([name, how]) =>
      how === 'failing'
        ? problem(`watch of ${name}`, 'its workflow fails at its task again and again', READ_TASK_FAILURES)
        : problem(`watch of ${name}`, 'nobody watches it: its workflow has ended', APPLY),
    );
  } catch (error) {
    return [failed('watches', error)];
  }
}

/** Workflows whose task fails again and again, one line each, whether they are asked for anything or not. */
export async function checkTasks(control: Control): Promise<readonly Check[]> {
  try {
    return (await findFailingTasks(control.client)).map(({ workflowId, type, attempt, why }) => {
      const guard = type === WORKFLOW_TYPE.service ? workflowId.slice(workflowIdOf('service', '').length) : null;
      const fix = guard === null ? READ_TASK_FAILURES : `\`understudy repair ${guard}\`; ${READ_TASK_FAILURES}`;
      return problem(workflowId, `its workflow task has failed ${attempt - 1} times in a row: ${why}`, fix);
    });
  } catch (error) {
    return [failed('workflow tasks', error)];
  }
}

/** A guard that cannot go on looks like a worker that is gone, and is not helped by starting one. */
async function checkFailing(control: Control): Promise<Check | null> {
  const failing = await findFailingGuards(control);
  if (failing.length === 0) return null;
  return problem(
    'services',
    `the guard of ${failing.join(', ')} fails at its task again and again`,
    READ_TASK_FAILURES,
  );
}

/** The admin API with the token, and whether the gateway calls itself ready. */
export async function checkGateway(admin: GatewayAdmin | null, instance: Instance | null): Promise<Check> {
  if (admin === null) return skipped('gateway', 'none is named: --gateway-admin, or UNDERSTUDY_GATEWAY_ADMIN');
  try {
    const { services, workers, away, open, unguarded } = await readGatewayState(admin);
    if (away.length > 0)
      return problem(
        'gateway',
        away.join('; '),
        'start it, or take it out of `gateway.adminUrls` if it is gone for good',
      );
    if (unguarded.length > 0)
      return problem(
        'gateway',
        `the admin API of ${unguarded.join(', ')} asks nobody who he is: every program of that machine may move traffic`,
        'start it without --no-admin-token, or with --admin-client-ca',
      );
    if (open.length > 0)
      return problem(
        'gateway',
        `${open.join(', ')} serves under every name, without keys: a web page in anybody's browser may use it`,
        'set gateway.hosts, or gateway.keys',
      );
    const short = workers.find(({ serving, wanted }) => serving < wanted);
    if (short !== undefined)
      return problem(
        'gateway',
        `${short.gateway}: ${short.serving} of ${short.wanted} workers serve`,
        'they are started again by themselves; its log says why they end (`worker-lost`)',
      );
    const crew = workers.map(({ gateway, serving }) => `; ${gateway} with ${serving} workers`).join('');
    if (instance === null) return ok('gateway', `serves ${[...services.keys()].join(', ')}${crew}`);
    return await checkReady(instance.gateway.url, crew);
  } catch (error) {
    return failed(
      'gateway',
      error,
      'start `understudy gateway`, or see why it ended; UNDERSTUDY_ADMIN_TOKEN must be the gateway’s',
    );
  }
}

async function checkReady(url: string, crew: string): Promise<Check> {
  const answer = await fetch(new URL('/readyz', url), { signal: AbortSignal.timeout(CLUSTER_TIMEOUT_MS) });
  const said = parseFields(await boundedText(answer.body, SMALL_ANSWER_BYTES_MAX));
  if (answer.status === 200) return ok('gateway', `${url} is ready${crew}`);
  const reason = textOf(said?.['reason']) ?? `status ${answer.status}`;
  return problem(
    'gateway',
    `${url} is not ready: ${reason}`,
    'ask again in a moment; one that is being stopped must be started again',
  );
}

/** Any HTTP answer proves a way there; what it means is the verdict's business. */
export async function checkClusters(fleet: Fleet): Promise<readonly Check[]> {
  return await Promise.all(Object.values(fleet.clusters).map(checkCluster));
}

async function checkCluster({ name, url, probes }: ClusterSpec): Promise<Check> {
  const address = new URL(probes.http?.path ?? '/', url);
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(CLUSTER_TIMEOUT_MS), redirect: 'manual' });
    await answer.body?.cancel();
    return ok(`cluster ${name}`, `${address.href} answers with status ${answer.status}`);
  } catch (error) {
    const why =
      error instanceof Error && error.name === 'TimeoutError'
        ? `no answer within ${CLUSTER_TIMEOUT_MS} ms`
        : causeOf(error);
    return problem(
      `cluster ${name}`,
      `${address.href} does not answer: ${why}`,
      'is it running, and is there a way to it from here?',
    );
  }
}

function causeOf(error: unknown): string {
  const { code } = ((error as Error).cause ?? {}) as { code?: string };
  return code ?? messageOf(error);
}
