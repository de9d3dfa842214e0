/** What `doctor` can tell without asking anybody: this program, this machine, this file. */
import type { Fleet } from '../../domain/fleet.js';
import type { Instance } from '../../config/instance.js';
import { tooWide, writtenByAnybody } from '../../config/own-files.js';
import { lives } from '../target.js';
import { type Check, ok, problem, skipped } from './check.js';

const NODE_MIN = [20, 19] as const;

export function checkNode(version: string = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  if (enough) return ok('node', version);
  return problem('node', `${version} is too old`, `install Node ${NODE_MIN.join('.')} or newer`);
}

/** The processes that `instance.json` names. */
export function checkInstance(instance: Instance | null, dir: string): Check {
  if (instance === null)
    return skipped('instance', `none is described in ${dir}; a Temporal service was named instead`);
  if (!lives(instance.pid)) {
    return problem(
      'instance',
      `process ${instance.pid}, which wrote ${dir}/instance.json, no longer runs`,
      'start it again with `understudy dev`, or remove that file',
    );
  }
  const gone = instance.processes.filter(({ pid }) => !lives(pid)).map(({ name, pid }) => `${name} (${pid})`);
  if (gone.length > 0)
    return problem(
      'instance',
      `these processes have ended: ${gone.join(', ')}`,
      'they are restarted by `understudy dev`; see its output if this lasts',
    );
  return ok(
    'instance',
    `process ${instance.pid} since ${instance.startedAt}, with ${instance.processes.length} children`,
  );
}

/** An embedded Temporal cannot know who asks: said by every `doctor`, for nothing else would remind of it. */
export function checkAccess(instance: Instance | null): Check {
  const embedded = instance?.processes.some(({ name }) => name === 'temporal') ?? false;
  if (instance === null || !embedded)
    return skipped('temporal access', 'this Temporal is run by somebody else, who decides who reaches it');
  return ok(
    'temporal access',
    `${instance.temporal.address} is embedded: whoever reaches it is an operator, every user of this machine too\n` +
      'where that is too many, use one with client certificates: docs/temporal.md',
  );
}

/** The data directory and the configuration: what others could read or write. */
export function checkFiles(dir: string, configFile: string | undefined): Check {
  const wide = tooWide(dir);
  if (wide.length > 0) return problem('files', `others can reach ${wide.join(', ')}`, `\`chmod -R go-rwx ${dir}\``);
  if (configFile !== undefined && writtenByAnybody(configFile))
    return problem(
      'files',
      `everybody can write ${configFile}, which says where prompts go`,
      `\`chmod o-w ${configFile}\``,
    );
  return ok('files', `${dir} is for its user alone`);
}

/** Secrets are looked for in this process's environment: the one of a worker elsewhere may differ. */
export function checkSecrets(fleet: Fleet, env: NodeJS.ProcessEnv = process.env): readonly Check[] {
  const wanted = [
    ...(fleet.slack === null ? [] : [{ name: 'slack', variable: fleet.slack.tokenEnv }]),
    ...(fleet.webhook === null ? [] : [{ name: 'webhook', variable: fleet.webhook.secretEnv }]),
  ];
  if (wanted.length === 0)
    return [skipped('notify', 'neither Slack nor a webhook is configured: moves are told in the log only')];
  return wanted.map(({ name, variable }) =>
    env[variable]
      ? ok(name, `${variable} is set here`)
      : skipped(name, `${variable} is not set in this shell: it only has to be where the control worker runs`),
  );
}
