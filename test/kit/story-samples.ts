/** A story to tell in tests. */
import type { StoryHead, StoryLine, StoryView } from '../../src/domain/story.js';

export function sampleHead(change: Partial<StoryHead> = {}): StoryHead {
  return {
    service: 'chat',
    title: 'chat: failover eu-a → us-b',
    state: 'shifting 25 %',
    tone: 'running',
    cause: 'eu-a is dead: connection refused, 3 in a row (seen by local)',
    from: ['eu-a'],
    to: 'us-b',
    progressPct: 25,
    next: ['understudy watch chat', 'understudy abort chat'],
    ...change,
  };
}

export function sampleLine(key: string, change: Partial<StoryLine> = {}): StoryLine {
  return { key, atMs: Date.now(), text: `line ${key}`, broadcast: false, ...change };
}

export function sampleView(change: Partial<StoryView> = {}): StoryView {
  return {
    id: 'story/move/chat/7',
    head: sampleHead(),
    lines: [sampleLine('1'), sampleLine('2')],
    ended: false,
    ...change,
  };
}
