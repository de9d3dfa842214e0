/**
 * The `model` of an uploaded form (multipart/form-data), and where it stands, so that it can be put by another name. The
 * cluster reads the same form with a reader of its own: what one reader takes for a model and another one does not is
 * refused, for a key may open one model and not another. One look along the body, whatever it holds.
 */

export interface NamedModel {
  readonly kind: 'named';
  readonly model: string;
  /** Where its name begins and ends in the body. */
  readonly from: number;
  readonly to: number;
}

export type FormModel =
  | NamedModel
  | { readonly kind: 'unnamed' }
  /** `why` repeats nothing of the form. */
  | { readonly kind: 'unclear'; readonly why: string };

/** Of one part; file names are the longest of what stands there. */
const PART_HEAD_BYTES_MAX = 4_096;
const PARTS_MAX = 256;
const MODEL_BYTES_MAX = 512;

const CRLF = '\r\n';
const HEAD_END = Buffer.from('\r\n\r\n');
/** RFC 2046, 5.1.1: one boundary, quoted or not. */
const BOUNDARY = /^[^;]*;[ \t]*boundary=(?:"([\w'()+,./:=? -]{0,69}[\w'()+,./:=?-])"|([\w'+.-]{1,70}))[ \t]*$/i;
const DISPOSITION = /^form-data((?:[ \t]*;[ \t]*[\w-]+=(?:"(?:[^"\\\r\n]|\\.)*"|[^\s;"\\]+))*)[ \t]*$/i;
const PARAMETER = /;[ \t]*([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"\\]+))/g;
const HEADER = /^([\w-]+):[ \t]*(.*?)[ \t]*$/;

const unclear = (why: string): Extract<FormModel, { kind: 'unclear' }> => ({ kind: 'unclear', why });

export function modelOfForm(contentType: string, body: Buffer): FormModel {
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) return unclear('its type names no boundary, or more than that');
  const delimiter = Buffer.from(`${CRLF}--${boundary}`);
  const first = delimiter.length - CRLF.length;
  if (!body.subarray(0, first).equals(delimiter.subarray(CRLF.length)))
    return unclear('it does not begin with its boundary');
  let found: FormModel = { kind: 'unnamed' };
  for (let [at, parts] = [first, 0]; ; parts++) {
    if (body.toString('latin1', at, at + 2) === '--') return found;
    if (parts === PARTS_MAX) return unclear(`it has more than ${PARTS_MAX} parts`);
    const part = partAt(body, at, delimiter);
    if (part.kind === 'unclear') return part;
    if (part.isModel) {
      if (found.kind === 'named') return unclear('it names two models');
      found = modelOf(part, body);
      if (found.kind === 'unclear') return found;
    }
    at = part.to + delimiter.length;
  }
}

interface Part {
  readonly kind: 'part';
  /** Its field is called `model`, in whatever letters. */
  readonly isModel: boolean;
  readonly isPlain: boolean;
  readonly from: number;
  readonly to: number;
}

/** `at`: behind its delimiter. */
function partAt(body: Buffer, at: number, delimiter: Buffer): Part | Extract<FormModel, { kind: 'unclear' }> {
  if (body.toString('latin1', at, at + CRLF.length) !== CRLF)
    return unclear('a boundary is not followed by a new line');
  const headEnd = body.subarray(at, at + PART_HEAD_BYTES_MAX).indexOf(HEAD_END);
  const to = body.indexOf(delimiter, at);
  const from = at + headEnd + HEAD_END.length;
  // A part may be empty: then the end of its headers is the new line of the next delimiter.
  if (headEnd < 0 || to < from - CRLF.length) return unclear('a part has no end');
  const field = fieldOf(body.toString('latin1', at + CRLF.length, at + headEnd));
  if (field === null) return unclear('the headers of a part can be read in two ways');
  const isPlain = field.isPlain && field.name === 'model' && to >= from;
  return { kind: 'part', isModel: field.name.toLowerCase() === 'model', isPlain, from, to };
}

function modelOf({ isPlain, from, to }: Part, body: Buffer): FormModel {
  if (!isPlain || to - from > MODEL_BYTES_MAX) return unclear('its model is no plain field');
  return { kind: 'named', model: body.toString('utf8', from, to), from, to };
}

/** Name of a part's field; `isPlain`: no file and no coding. `null`: it could be read in two ways. */
function fieldOf(head: string): { readonly name: string; readonly isPlain: boolean } | null {
  let found: { name: string; isFile: boolean } | null = null;
  let isCoded = false;
  for (const line of head.split(CRLF)) {
    const [, header, value = ''] = HEADER.exec(line) ?? [];
    if (header === undefined || /[\r\n\0]/.test(value)) return null;
    if (header.toLowerCase() === 'content-transfer-encoding') isCoded = true;
    if (header.toLowerCase() !== 'content-disposition') continue;
    if (found !== null) return null;
    found = dispositionOf(value);
    if (found === null) return null;
  }
  return found === null ? null : { name: found.name, isPlain: !found.isFile && !isCoded };
}

function dispositionOf(value: string): { name: string; isFile: boolean } | null {
  const parameters = DISPOSITION.exec(value)?.[1];
  if (parameters === undefined) return null;
  const names: string[] = [];
  let isFile = false;
  for (const [, parameter = '', quoted, plain = ''] of parameters.matchAll(PARAMETER)) {
    if (parameter.toLowerCase() === 'name') names.push(quoted ?? plain);
    else isFile ||= parameter.toLowerCase() === 'filename';
  }
  const [name] = names;
  // An escape in a name is read in as many ways as there are readers.
  return name === undefined || names.length > 1 || /[\\%]/.test(name) ? null : { name, isFile };
}

/** The form with another model in its place; nothing else of it is touched. */
export function withFormModel(body: Buffer, { from, to }: NamedModel, model: string): Buffer {
  return Buffer.concat([body.subarray(0, from), Buffer.from(model), body.subarray(to)]);
}
