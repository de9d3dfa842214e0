/** A slice keeps all that it was cut from for as long as itself: what is kept of a longer text becomes one of its own. */
export const ownCopy = (text: string): string => Buffer.from(text, 'utf16le').toString('utf16le');

/** The beginning of a text that is no slice. */
export function ownText(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : ownCopy(text.slice(0, charsMax));
}
