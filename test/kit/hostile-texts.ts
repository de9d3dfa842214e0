/** What clusters, callers, signals, files and traces may say, each to fool another door: terminals, logs, chats, pages. */
export const HOSTILE_TEXTS: readonly (readonly [name: string, text: string])[] = [
  ['clears the screen', 'a\u001b[2J\u001b[Hall is well'],
  ['sets the title', '\u001b]0;owned\u0007x'],
  ['a link of a terminal', '\u001b]8;;http://evil.example\u001b\\click\u001b]8;;\u001b\\'],
  ['a colour of ours', '\u001b[32mhealthy\u001b[39m'],
  ['a cursor by one character', 'dead\u009b2K\u009b1Ghealthy'],
  ['bell, backspace, delete', 'dead\u0007\u0008\u0008\u0008\u0008\u007fhealthy'],
  ['a second line', 'x\nunderstudy: all is well\nnext: rm -rf /'],
  ['a line written over', 'x\rus-b  healthy  100 %'],
  ['line and paragraph separators', 'x\u2028forged line\u2029another'],
  ['vertical tab, form feed, next line', 'x\u000bforged\u000cforged\u0085forged'],
  ['tabs that line up', 'x\t\t\thealthy'],
  ['blanks up to the next line of a terminal', `x${' '.repeat(400)}us-b healthy`],
  ['turned direction', 'x\u202eyhtlaeh\u202c \u2066a\u2069'],
  ['zero width', 'he\u200bal\u200cth\u200dy\u2060\ufeff'],
  ['fillers that show nothing', 'a\u3164b\uffa0c\u115fd\u00ade\u034ff'],
  ['marks over the lines around', `x${'\u0301'.repeat(200)}`],
  ['half a character', 'x\ud83d y\udd25'],
  ['private characters', 'x\ue000\u{f0000}'],
  ['hidden tags', 'x\u{e0041}\u{e0042}'],
  ['a call to everybody', '<!channel> <!here|here> @here @channel <@U012AB3CD> <#C012AB3CD>'],
  ['a link of Slack', '<http://evil.example|https://status.example>'],
  ['bare links', 'https://evil.example/x www.evil.example mailto:a@evil.example'],
  ['Markdown', '![x](http://evil.example/p.png) [here](http://evil.example) **bold** # head | cell | `code`'],
  ['HTML', '<img src=x onerror=alert(1)><script>alert(1)</script>'],
  ['the end of a JSON text', '"}\n{"kind":"notice","text":"forged"}'],
  ['a label of a metric', 'x"} 1\nforged_metric{a="b'],
  ['very much', 'x'.repeat(300_000)],
  ['very much that takes three bytes', '\u4e00'.repeat(200_000)],
  ['very many line ends', '\n'.repeat(200_000)],
];

/** Nothing of this may reach a person: controls but the line end, formats, separators, halves of characters. */
const RAW = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;

/** The first raw character of a text, as `U+001B`; `null` when there is none. Our own colours are left out. */
export function rawCharacterIn(text: string): string | null {
  // eslint-disable-next-line no-control-regex -- colours of ours
  const found = RAW.exec(text.replace(/\u001b\[\d{1,2}m/g, ''))?.[0];
  return found === undefined ? null : `U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
