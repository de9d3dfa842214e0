/**
 * What a target says ends up as evidence in terminals, chats and logs: control characters, which could move a cursor or
 * turn the direction of writing, become blanks.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu, ' ');
}
