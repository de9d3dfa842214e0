/** Every verb, in the order in which help lists them; each is loaded when it is asked for. docs/cli.md describes them. */
import type { Command } from 'commander';

export interface VerbFile {
  readonly summary: string;
  /** The heading of the help under which it stands. */
  readonly group: string;
  readonly load: () => Promise<Command>;
}

const RUN = 'Run:';
const LOOK = 'Look:';
const MOVE = 'Move:';
const AUTOMATION = 'Automation:';
const CONFIGURATION = 'Configuration:';
const SIMULATION = 'Simulation:';

export const VERB_FILES: Readonly<Record<string, VerbFile>> = {
  dev: {
    summary: 'run everything on this machine',
    group: RUN,
    load: async () => (await import('./dev.js')).devCommand(),
  },
  status: {
    summary: 'what is where, and why',
    group: LOOK,
    load: async () => (await import('./verbs/status.js')).statusCommand(),
  },
  watch: { summary: 'status, live', group: LOOK, load: async () => (await import('./verbs/watch.js')).watchCommand() },
  history: {
    summary: 'the moves of a service, as a story',
    group: LOOK,
    load: async () => (await import('./verbs/history.js')).historyCommand(),
  },
  explain: {
    summary: 'what would happen now if a cluster failed, and why nothing did',
    group: LOOK,
    load: async () => (await import('./verbs/explain.js')).explainCommand(),
  },
  plan: {
    summary: 'what a move would do, and whether it could',
    group: LOOK,
    load: async () => (await import('./verbs/plan.js')).planCommand(),
  },
  switchover: {
    summary: 'move a healthy service',
    group: MOVE,
    load: async () => (await import('./verbs/switchover.js')).switchoverCommand(),
  },
  failover: {
    summary: 'move a service away from a broken cluster',
    group: MOVE,
    load: async () => (await import('./verbs/failover.js')).failoverCommand(),
  },
  failback: {
    summary: 'bring a service home',
    group: MOVE,
    load: async () => (await import('./verbs/failback.js')).failbackCommand(),
  },
  abort: {
    summary: 'end the running move and go back',
    group: MOVE,
    load: async () => (await import('./verbs/abort.js')).abortCommand(),
  },
  pause: {
    summary: 'hold the running move where it is',
    group: MOVE,
    load: async () => (await import('./verbs/pause.js')).pauseCommand(),
  },
  resume: {
    summary: 'let a paused move go on',
    group: MOVE,
    load: async () => (await import('./verbs/resume.js')).resumeCommand(),
  },
  'skip-step': {
    summary: 'end the wait of the present step',
    group: MOVE,
    load: async () => (await import('./verbs/skip-step.js')).skipStepCommand(),
  },
  approve: {
    summary: 'say yes to the open question',
    group: MOVE,
    load: async () => (await import('./verbs/approve.js')).approveCommand(),
  },
  decline: {
    summary: 'say no to the open question',
    group: MOVE,
    load: async () => (await import('./verbs/decline.js')).declineCommand(),
  },
  freeze: {
    summary: 'stop automation for a while',
    group: AUTOMATION,
    load: async () => (await import('./verbs/freeze.js')).freezeCommand(),
  },
  unfreeze: {
    summary: 'let automation act again',
    group: AUTOMATION,
    load: async () => (await import('./verbs/unfreeze.js')).unfreezeCommand(),
  },
  maintenance: {
    summary: 'take a cluster out of every automatic decision for a while',
    group: AUTOMATION,
    load: async () => (await import('./verbs/maintenance.js')).maintenanceCommand(),
  },
  apply: {
    summary: 'bring the running workflows in line with a file',
    group: CONFIGURATION,
    load: async () => (await import('./verbs/apply.js')).applyCommand(),
  },
  config: {
    summary: 'check a configuration file, print its schema',
    group: CONFIGURATION,
    load: async () => (await import('./verbs/config.js')).configCommand(),
  },
  keys: {
    summary: 'make keys for callers',
    group: CONFIGURATION,
    load: async () => (await import('./verbs/keys.js')).keysCommand(),
  },
  doctor: {
    summary: 'find out what is wrong with an instance',
    group: LOOK,
    load: async () => (await import('./verbs/doctor.js')).doctorCommand(),
  },
  repair: {
    summary: 'begin a guard anew that cannot go on',
    group: AUTOMATION,
    load: async () => (await import('./verbs/repair.js')).repairCommand(),
  },
  gateway: {
    summary: 'run a gateway',
    group: RUN,
    load: async () => (await import('./verbs/gateway.js')).gatewayCommand(),
  },
  worker: {
    summary: 'run a control or probe worker',
    group: RUN,
    load: async () => (await import('./verbs/worker.js')).workerCommand(),
  },
  record: {
    summary: 'write what a running system sees as a trace',
    group: SIMULATION,
    load: async () => (await import('./verbs/record.js')).recordCommand(),
  },
  simulate: {
    summary: 'what would have been done about a trace',
    group: SIMULATION,
    load: async () => (await import('./verbs/simulate.js')).simulateCommand(),
  },
  sim: {
    summary: 'simulated clusters, faults and load',
    group: SIMULATION,
    load: async () => (await import('./sim.js')).simCommand(),
  },
};
