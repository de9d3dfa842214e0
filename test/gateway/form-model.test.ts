/** The model of an uploaded form: read as any cluster reads it, or not at all. */
import { afterEach, describe, expect, test } from 'vitest';
import { modelOfForm, withFormModel } from '../../src/gateway/door/form-model.js';
import { gateway, service, stopAll, upstream } from './kit.js';
import { sendRaw, statusesOf } from './raw.js';
import { answerAs } from './upstream.js';

afterEach(stopAll);

const part = (head: string, value: string): string => `${head}\r\n\r\n${value}\r\n`;
const form = (...parts: string[]): Buffer => Buffer.from(`${parts.map((p) => `--b\r\n${p}`).join('')}--b--\r\n`);
const field = (name: string, value: string): string => part(`Content-Disposition: form-data; name="${name}"`, value);
const FILE = part(
  'Content-Disposition: form-data; name="file"; filename="a model=x; name=model.wav"\r\nContent-Type: audio/wav',
  'RIFF\r\n\r\n--x',
);
const TYPE = 'multipart/form-data; boundary=b';

describe('a model that is named', () => {
  test.each<[string, string, Buffer]>([
    ['first', TYPE, form(field('model', 'whisper'), FILE)],
    ['after the file', TYPE, form(FILE, field('model', 'whisper'))],
    ['between others', TYPE, form(field('language', 'de'), field('model', 'whisper'), field('models', 'x'), FILE)],
    ['after an empty field', TYPE, form(field('prompt', ''), field('model', 'whisper'))],
    ['without quotes', TYPE, form(part('Content-Disposition: form-data; name=model', 'whisper'))],
    [
      'with a type',
      TYPE,
      form(part('Content-Disposition: form-data; name="model"\r\nContent-Type: text/plain', 'whisper')),
    ],
    ['with headers in small letters', TYPE, form(part('content-disposition: FORM-DATA; NAME="model"', 'whisper'))],
    ['with a quoted boundary', 'Multipart/Form-Data; Boundary="b"', form(field('model', 'whisper'))],
    ['before an epilogue', TYPE, Buffer.concat([form(field('model', 'whisper')), Buffer.from('more')])],
  ])('%s', (_name, type, body) => {
    const found = modelOfForm(type, body);
    if (found.kind !== 'named') throw new Error(JSON.stringify(found));
    expect(found.model).toBe('whisper');
    expect(withFormModel(body, found, 'org/Whisper-é').toString()).toBe(
      body.toString().replace('whisper', 'org/Whisper-é'),
    );
  });
});

test('a form that names none', () => {
  expect(modelOfForm(TYPE, form(FILE, field('models', 'x'), field('prompt', 'model')))).toEqual({ kind: 'unnamed' });
});

describe('what could be read in two ways is unclear', () => {
  const ok = field('model', 'whisper');
  test.each<[string, string, Buffer | string]>([
    ['two models', TYPE, form(ok, field('model', 'other'))],
    ['two spellings', TYPE, form(ok, field('Model', 'other'))],
    ['other letters', TYPE, form(field('MODEL', 'whisper'))],
    ['a file as the model', TYPE, form(part('Content-Disposition: form-data; name="model"; filename="a"', 'whisper'))],
    ['an extended name', TYPE, form(part("Content-Disposition: form-data; name*=utf-8''model", 'whisper'))],
    [
      'a name and an extended name',
      TYPE,
      form(part('Content-Disposition: form-data; name="a"; name*=utf-8\'\'model', 'x')),
    ],
    ['two names', TYPE, form(part('Content-Disposition: form-data; name="a"; name="model"', 'x'))],
    ['an escaped name', TYPE, form(part('Content-Disposition: form-data; name="mo\\del"', 'x'))],
    ['an encoded name', TYPE, form(part('Content-Disposition: form-data; name="%6dodel"', 'x'))],
    [
      'two dispositions',
      TYPE,
      form(part('Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="model"', 'x')),
    ],
    ['a folded header', TYPE, form(part('Content-Disposition: form-data;\r\n name="model"', 'x'))],
    ['a header without a colon', TYPE, form(part('Content-Disposition form-data; name="model"', 'x'))],
    ['a space before the colon', TYPE, form(part('Content-Disposition : form-data; name="model"', 'x'))],
    ['a line feed alone', TYPE, form(part('Content-Type: a\nContent-Disposition: form-data; name="model"', 'x'))],
    ['no disposition', TYPE, form(part('Content-Type: text/plain', 'x'))],
    ['another disposition', TYPE, form(part('Content-Disposition: attachment; name="model"', 'x'))],
    [
      'a coding',
      TYPE,
      form(part('Content-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: base64', 'eA==')),
    ],
    ['a long model', TYPE, form(field('model', 'x'.repeat(600)))],
    ['a preamble', TYPE, Buffer.concat([Buffer.from('x\r\n'), form(ok)])],
    ['a boundary with blanks behind it', TYPE, form(ok).toString().replace('--b\r\n', '--b \r\n')],
    ['no end', TYPE, form(ok).toString().replace('--b--', '')],
    ['no end of a head', TYPE, '--b\r\nContent-Disposition: form-data; name="model"\r\n'],
    ['a head without end', TYPE, form(part(`X: ${'a'.repeat(9_000)}`, 'x'))],
    ['nothing but a boundary', TYPE, '--b'],
    ['very many parts', TYPE, form(...Array.from({ length: 300 }, () => field('a', 'b')))],
    ['no boundary', 'multipart/form-data', form(ok)],
    ['two boundaries', `${TYPE}; boundary=c`, form(ok)],
    ['a boundary that is none', 'multipart/form-data; boundary=', form(ok)],
    ['a long boundary', `multipart/form-data; boundary=${'b'.repeat(80)}`, form(ok)],
  ])('%s', (_name, type, body) => {
    expect(modelOfForm(type, Buffer.from(body))).toMatchObject({ kind: 'unclear' });
  });
});

test.each([
  ['parts', (n: number) => form(...Array.from({ length: n }, () => field('a', 'b')))],
  ['nearly boundaries', (n: number) => form(field('file', '\r\n--'.repeat(n)))],
  ['parameters', (n: number) => form(part(`Content-Disposition: form-data${'; a="'.repeat(n)}`, 'x'))],
])('many %s are read in time that grows with their number', (_name, make) => {
  const took = (n: number): number => {
    const body = make(n);
    const from = process.cpuUsage();
    for (let i = 0; i < 20; i++) modelOfForm(TYPE, body);
    return process.cpuUsage(from).user;
  };
  took(1_000);
  expect(took(64_000)).toBeLessThan(64 * 8 * Math.max(took(1_000), 500));
});

describe('an upload', () => {
  const upload = (model: string, path = '/v1/audio/transcriptions'): string => {
    const body = form(field('model', model), FILE).toString();
    return `POST ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: ${TYPE}\r\nauthorization: Bearer x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  };
  const scene = async () => {
    const a = await upstream(answerAs('a'));
    const other = service({ a: a.url }, { a: 100 }, { service: 'other' });
    return { a, lab: await gateway([service({ a: a.url }, { a: 100 }), other]) };
  };

  test('finds its service by its model, and its cluster hears the name that it knows', async () => {
    const { a, lab } = await scene();
    expect(statusesOf(await sendRaw(lab.url, [upload('chat')]))).toEqual([200]);
    expect(a.requests[0]?.body).toBe(form(field('model', 'llama'), FILE).toString());
  });

  test('of a model that nobody serves is told so', async () => {
    const { a, lab } = await scene();
    expect(statusesOf(await sendRaw(lab.url, [upload('nobody')]))).toEqual([404]);
    expect(statusesOf(await sendRaw(lab.url, [upload('chat').replace('"model"', '"model"; name="x"')]))).toEqual([400]);
    expect(a.requests).toEqual([]);
  });
});
