/** Texts of clusters that name a place in the network: callers do not get them, the log does. */

/** A URL, or an IP address. */
const ADDRESS = /:\/\/|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])|::|(?:[\da-f]{1,4}:){7}/i;
/**
 * In a sentence a colon and digits follow nothing else; in a header they may be a time. No name is longer, and one without
 * a bound would be looked for anew at each letter of a long word.
 */
const HOST_AND_PORT = /[a-z][\w.-]{0,253}:\d{2,5}(?!\d)/i;

export const namesAddress = (text: string): boolean => ADDRESS.test(text);

/** What a caller may hear of it. */
export const withoutAddress = (sentence: string): string =>
  namesAddress(sentence) || HOST_AND_PORT.test(sentence) ? 'its words are in the log of the gateway' : sentence;
