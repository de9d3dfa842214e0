/** The beginning of a text as a text of its own: a slice keeps all that it was cut from for as long as itself. */
export function ownText(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : Buffer.from(text.slice(0, charsMax), 'utf16le').toString('utf16le');
}
