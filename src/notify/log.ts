/** The log as a notifier: always there, needs nothing. After a crash a line may be written twice; it is never missing. */
import type { Delivered, StoryView } from '../domain/story.js';
import { jsonLine } from '../domain/printable.js';
import { fingerprint } from './message-id.js';
import type { Notifier } from './notifier.js';

/** Takes one line of text, without its line end. */
export type WriteLine = (line: string) => void;

/** One JSON object a line: `kind` is `story-head` for a changed root message and `story-line` for a line of the thread. */
export function openLog(write: WriteLine): Notifier {
  return {
    name: 'log',
    publish: async (view, delivered, { progress }) => {
      let done = delivered;
      const head = fingerprint([view.head, view.ended]);
      if (done.head !== head) {
        write(headLine(view));
        done = { ...done, head };
        progress(done);
      }
      for (const line of view.lines) done = writeOnce(write, { view, done, line });
      progress(done);
      return await Promise.resolve(done);
    },
  };
}

function headLine(view: StoryView): string {
  const at = new Date().toISOString();
  return jsonLine({ kind: 'story-head', at, story: view.id, ...view.head, ended: view.ended });
}

function writeOnce(
  write: WriteLine,
  { view, done, line }: { view: StoryView; done: Delivered; line: StoryView['lines'][number] },
): Delivered {
  if (done.lines.includes(line.key)) return done;
  const at = new Date(line.atMs).toISOString();
  const { key, text, broadcast } = line;
  write(jsonLine({ kind: 'story-line', at, story: view.id, service: view.head.service, key, text, broadcast }));
  return { ...done, lines: [...done.lines, key] };
}
