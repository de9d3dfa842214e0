/**
 * How workflows read what they are sent. Temporal's own converter throws at a payload that it cannot decode, and a throw
 * there fails every workflow task from then on: one signal of `{"a":` would end a guard. Here such a payload becomes a
 * text, which every reader of messages refuses, as it refuses any other wrong message. The bundle names this file.
 * @replayed
 */
import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';
import { encodingTypes, METADATA_ENCODING_KEY } from '@temporalio/common/lib/converter/types.js';
import { decode } from '@temporalio/common/lib/encoding.js';
import { parseJson } from '../domain/outside.js';

export const payloadConverter: PayloadConverter = {
  toPayload: (value) => defaultPayloadConverter.toPayload(value),
  fromPayload: <T>(payload: Payload): T => read(payload) as T,
};

function read(payload: Payload): unknown {
  if (encodingOf(payload) === encodingTypes.METADATA_ENCODING_JSON && payload.data) {
    const parsed = parseJson(decode(payload.data));
    return parsed.kind === 'parsed' ? parsed.value : unreadable(parsed.why);
  }
  try {
    return defaultPayloadConverter.fromPayload(payload);
  } catch {
    return unreadable('its encoding is not known');
  }
}

function encodingOf({ metadata }: Payload): string | null {
  const encoding = metadata?.[METADATA_ENCODING_KEY];
  return encoding === undefined ? null : decode(encoding);
}

const unreadable = (why: string): string => `a payload that cannot be read: ${why}`;
