/** The table of folders in docs/architecture.md, one rule a row: `from` may reach only what its row lists. */
const row = (folder, allowed, comment) => ({
  name: `${folder}-imports`,
  comment,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: [`^src/${folder}/`, ...allowed.map((a) => `^src/${a}`)] },
});

const NODE_IO =
  '^(node:)?(fs|fs/promises|net|http|https|http2|child_process|dns|tls|os|path|crypto|worker_threads|stream|timers)$';

module.exports = {
  forbidden: [
    { name: 'circular', severity: 'error', from: {}, to: { circular: true } },
    row('domain', [], 'Decisions depend on nothing.'),
    row('config', ['domain/'], 'The file is turned into domain words, no more.'),
    row('outside', [], 'Bounded reading, for every edge.'),
    row('engines', ['domain/'], 'A dialect is pure parsing.'),
    row('probes', ['domain/', 'engines/', 'outside/'], 'A probe reads one dimension.'),
    row('traffic', ['domain/', 'outside/'], 'A layer carries out; it never decides.'),
    row('notify', ['domain/', 'outside/'], 'A notifier renders and delivers.'),
    row('workflows', ['domain/'], 'Runbooks ask the outside through ports.ts only.'),
    row(
      'activities',
      ['domain/', 'config/', 'engines/', 'probes/', 'traffic/', 'notify/', 'workflows/(ports|messages|ids)\\.'],
      'Thin: fence, call an edge, translate the error.',
    ),
    row(
      'workers',
      [
        'domain/',
        'config/',
        'engines/',
        'probes/',
        'traffic/',
        'notify/',
        'activities/',
        'temporal/',
        'workflows/ids\\.',
      ],
      'Composition roots.',
    ),
    row('temporal', ['domain/', 'config/'], 'Finding, starting and connecting.'),
    row(
      'control',
      ['domain/', 'outside/', 'temporal/', 'workflows/(messages|ids|read-message|guard-order)\\.'],
      'The only folder that opens a Temporal client for operators.',
    ),
    row(
      'gateway',
      ['domain/', 'config/', 'engines/', 'outside/'],
      'The data plane outlives the control plane: never Temporal, control or activities.',
    ),
    row('simulator', ['domain/', 'engines/', 'outside/'], 'A stand-in for real clusters and callers.'),
    row(
      'cli',
      ['domain/', 'outside/', 'config/', 'control/', 'temporal/', 'workers/', 'gateway/', 'simulator/', 'traffic/'],
      'Doors and composition roots, one file a verb.',
    ),
    {
      name: 'workflows-stay-deterministic',
      comment: 'A Node built-in two files away breaks the workflow sandbox.',
      severity: 'error',
      from: { path: '^src/workflows/' },
      to: { reachable: true, path: NODE_IO },
    },
    {
      name: 'domain-is-pure',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: false,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
