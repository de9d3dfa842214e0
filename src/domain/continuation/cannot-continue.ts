/**
 * Why a stream that broke off is not continued on another cluster. A continuation that would be silently wrong is worse
 * than an honest error, so each of these ends the stream with the word in its error frame (docs/gateway.md).
 */
export const CANNOT_CONTINUE = {
  'many-choices': 'it carries several answers at once',
  logprobs: 'it carries log probabilities',
  'guided-decoding': 'its form is enforced by a grammar or schema, whose state was lost',
  'prompt-form': 'its prompt cannot be extended by what was said',
  'tool-call': 'a tool call was half said',
  reasoning: 'the model had been reasoning, which cannot be handed over',
  'not-text': 'it said something other than text',
  'partial-character': 'it broke off inside a character',
  'too-long': 'it had said more than is kept',
  unreadable: 'what was said could not be read',
  'other-model': 'the other clusters serve another model',
  'engine-cannot': "no other cluster's engine can go on with a begun answer",
  'no-cluster': 'no other cluster could take over',
  'no-room': 'every cluster that could take over was full',
  'refused-by-cluster': 'the cluster that should take over refused',
  'too-many-breaks': 'it broke off too often',
} as const;

export type CannotContinue = keyof typeof CANNOT_CONTINUE;
