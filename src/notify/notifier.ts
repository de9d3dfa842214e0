/** The contract with whatever tells people. One file a notifier; a notifier never delays a move. */
import type { Delivered, StoryView } from '../domain/story.js';

export const NOTIFIERS = ['log', 'slack', 'webhook'] as const;
export type NotifierName = (typeof NOTIFIERS)[number];

export interface Notifier {
  readonly name: NotifierName;
  /**
   * Bring the outside up to `view` and say what is delivered now. Repeatable: with `maybe` set an earlier attempt may
   * have got through without an answer, so what is there is looked up before anything is posted.
   * Partial progress is reported through `progress`, so that a retry goes on behind it.
   * @throws CodedError `notifier-unreachable` or `rate-limited`
   */
  publish(
    view: StoryView,
    delivered: Delivered,
    options: { readonly maybe: boolean; readonly progress: (delivered: Delivered) => void },
  ): Promise<Delivered>;
}
