import { describe, expect, test } from 'vitest';
import { tipsFor } from '../../../src/cli/dev/tips.js';

const order = { simulated: true, services: ['chat'], dataDir: '/srv/app/.understudy', cwd: '/srv/app' };

describe('tips', () => {
  test('name no directory when it is the one that every verb looks into', () => {
    const tips = tipsFor(order);
    expect(tips).toHaveLength(3);
    expect(tips.join('\n')).not.toContain('/srv/app');
  });

  test.each([
    ['/tmp/us 1', "export UNDERSTUDY_DATA_DIR='/tmp/us 1'"],
    ["/tmp/o'hara", String.raw`export UNDERSTUDY_DATA_DIR='/tmp/o'\''hara'`],
    ['/tmp/us1', 'export UNDERSTUDY_DATA_DIR=/tmp/us1'],
  ])('name another one (%s) once, in a way that a shell takes', (dataDir, first) => {
    const [named, ...rest] = tipsFor({ ...order, dataDir });
    expect(named).toBe(first);
    expect(rest).toEqual(tipsFor(order));
  });

  test.each([[true], [false]])('fit a terminal of 80 columns (simulated: %s)', (simulated) => {
    for (const tip of tipsFor({ ...order, simulated })) expect(tip.length).toBeLessThanOrEqual(78);
  });

  test('of a fleet that is not simulated order no faults', () => {
    expect(tipsFor({ ...order, simulated: false, services: ['search'] }).join('\n')).toMatch(/plan search/u);
    expect(tipsFor({ ...order, simulated: false }).join('\n')).not.toMatch(/sim (fault|clear)/u);
  });
});
