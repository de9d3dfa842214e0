import { describe, expect, test } from 'vitest';
import { foreignToLoopback, type ForeignReason, type WebRequest } from '../../src/domain/web-visitor.js';

const TOOL: WebRequest = {
  method: 'POST',
  host: '127.0.0.1:4411',
  origin: undefined,
  site: undefined,
  mode: undefined,
  dest: undefined,
};
const LINK = { method: 'GET', site: 'cross-site', mode: 'navigate', dest: 'document' };

describe('on a port of this machine', () => {
  test.each<[string, Partial<WebRequest>, ForeignReason]>([
    ['a tool', {}, null],
    ['localhost', { host: 'localhost:4411' }, null],
    ['another port, as an SSH forwarding makes it', { host: 'localhost:9999' }, null],
    ['the default port', { host: 'localhost' }, null],
    ['capitals', { host: 'LocalHost:4411' }, null],
    ['version 6', { host: '[::1]:4411' }, null],
    ['its own page', { origin: 'http://127.0.0.1:4411', site: 'same-origin', mode: 'cors', dest: 'empty' }, null],
    ['an address that was typed in', { ...LINK, site: 'none' }, null],
    ['a link on another page', LINK, null],
    ['a name that was rebound', { host: 'evil.example:4411' }, 'host'],
    ['one that begins like ours', { host: 'localhost.evil.example' }, 'host'],
    ['one that ends like ours', { host: 'evil.localhost' }, 'host'],
    ['one in numbers', { host: '127.0.0.1.evil.example:4411' }, 'host'],
    ['somebody before the name', { host: 'evil@127.0.0.1:4411' }, 'host'],
    ['no name', { host: undefined }, 'host'],
    ['an empty name', { host: '' }, 'host'],
    ['the origin of another page', { origin: 'http://evil.example' }, 'origin'],
    ['that of another port', { origin: 'http://127.0.0.1:4401' }, 'origin'],
    ['that of another name of this machine', { origin: 'http://localhost:4411' }, 'origin'],
    ['that of a sandbox or a file', { origin: 'null' }, 'origin'],
    ['an empty one', { origin: '' }, 'origin'],
    ['a link that is a form', { ...LINK, method: 'POST' }, 'site'],
    ['a frame of another page', { ...LINK, dest: 'iframe' }, 'site'],
    ['an image of another page', { ...LINK, mode: 'no-cors', dest: 'image' }, 'site'],
    ['a script of another port', { ...LINK, site: 'same-site', mode: 'no-cors', dest: 'script' }, 'site'],
  ])('%s', (_, change, reason) => {
    expect(foreignToLoopback({ ...TOOL, ...change })).toBe(reason);
  });
});
