/** Bundled for the story's own test: the story, and callers that tell one in the ways that matter. */
import { CancellationScope, condition, isCancellation, sleep } from '@temporalio/workflow';
import type { StoryHead } from '../../src/domain/story.js';
import { openStory } from '../../src/workflows/open-story.js';

export { story } from '../../src/workflows/story.js';

export interface TellerInput {
  readonly about: string;
  readonly head: StoryHead;
  readonly lines: number;
}

/** Tells some lines, changing the state with each, and ends. */
export async function teller({ about, head, lines }: TellerInput): Promise<string> {
  const told = openStory({ about, head });
  for (let line = 1; line <= lines; line += 1) {
    told.tell(`line ${line}`, { head: { state: `step ${line}` } });
    if (line % 5 === 0) await sleep(20);
  }
  await told.end('the end', { state: 'done', tone: 'good' });
  return 'told';
}

/** Is cancelled, and says so. */
export async function cancelledTeller({ about, head }: TellerInput): Promise<string> {
  const told = openStory({ about, head });
  told.tell('waiting');
  try {
    await CancellationScope.current().run(async () => await condition(() => false));
  } catch (error) {
    if (!isCancellation(error)) throw error;
    told.tell('cancelled by a person');
    await told.end('aborted', { state: 'aborted', tone: 'bad' });
    throw error;
  }
  return 'never';
}
