import { expect, test } from 'vitest';
import {
  askedTurn,
  conversationAfter,
  isTurnId,
  keepableId,
  statelessBody,
  type AskedTurn,
} from '../../../src/domain/conversation/turn.js';

const item = (content: string): object => ({ type: 'message', role: 'user', content });

const inShort = (asked: AskedTurn): unknown =>
  asked.kind === 'refused' ? `refused ${asked.param}` : [asked.previousId, asked.input.length, asked.keeps];

test.each<[string, Record<string, unknown>, unknown]>([
  ['a text is one item', { input: 'hi' }, [null, 1, true]],
  ['a list is as it is', { input: [item('a'), item('b')] }, [null, 2, true]],
  ['an absent id may be null', { input: 'hi', previous_response_id: null, conversation: null }, [null, 1, true]],
  ['it follows another answer', { input: 'hi', previous_response_id: 'resp_1' }, ['resp_1', 1, true]],
  ['nothing new is said', { previous_response_id: 'resp_1' }, ['resp_1', 0, true]],
  ['it is not to be kept', { input: 'hi', store: false }, [null, 1, false]],
  ['it is, said outright', { input: 'hi', store: true }, [null, 1, true]],
  ['an input that the cluster will refuse is not kept', { input: 7 }, [null, 0, false]],
  ['an input that cannot be added', { input: 7, previous_response_id: 'resp_1' }, 'refused input'],
  ['an id that is none', { input: 'hi', previous_response_id: 7 }, 'refused previous_response_id'],
  ['a conversation object', { input: 'hi', conversation: 'conv_1' }, 'refused conversation'],
  ['in the background', { input: 'hi', background: true }, 'refused background'],
  ['not in the background', { input: 'hi', background: false }, [null, 1, true]],
])('%s', (_name, body, expected) => expect(inShort(askedTurn(body))).toEqual(expected));

test('a stateless request says what was said before, then what is new, and all else as the caller wrote it', () => {
  const body = { model: 'm', previous_response_id: 'resp_1', instructions: 'new', input: 'b' };
  expect(statelessBody(body, [item('a')], [item('b')])).toEqual({
    model: 'm',
    instructions: 'new',
    input: [item('a'), item('b')],
  });
});

test.each<[string, Record<string, unknown>, string | null]>([
  ['completed', { id: 'resp_1', status: 'completed', output: [] }, 'resp_1'],
  ['cut at its length', { id: 'resp_1', status: 'incomplete', output: [] }, 'resp_1'],
  ['failed', { id: 'resp_1', status: 'failed', output: [] }, null],
  ['not begun', { id: 'resp_1', status: 'queued', output: [] }, null],
  ['without an output', { id: 'resp_1', status: 'completed' }, null],
  ['without an id', { status: 'completed', output: [] }, null],
  ['with an id that is no part of a key', { id: 'a/b', status: 'completed', output: [] }, null],
])('an answer that is %s', (_name, response, id) => expect(keepableId(response)).toBe(id));

test.each([
  ['resp_0123-abc.d:e', true],
  ['x'.repeat(200), true],
  ['x'.repeat(201), false],
  ['', false],
  ['a b', false],
  ['a\nb', false],
  [7, false],
])('id %s: %s', (id, good) => expect(isTurnId(id)).toBe(good));

test('the next turn hears the answer too', () => {
  const response = { output: [{ type: 'reasoning' }, { type: 'message' }] };
  const kept = { kind: 'kept', input: [item('a')], response, affinity: null } as const;
  expect(conversationAfter(kept)).toEqual([item('a'), { type: 'reasoning' }, { type: 'message' }]);
});
