/** One reader of `Content-Type`: types are compared without case, and parameters never decide anything. */

/**
 * `application/json` of `Application/JSON;charset=x`. `null`: there is none, or it is not one media type (two headers,
 * say), which nobody should act upon.
 */
export function mediaTypeOf(contentType: string | undefined): string | null {
  if (contentType === undefined) return null;
  return MEDIA_TYPE.exec(contentType)?.[1]?.toLowerCase() ?? null;
}

/** Quoted values of parameters may hold commas and semicolons; outside them a comma begins a second header. */
const MEDIA_TYPE =
  /^[ \t]*([\w!#$%&'*+.^`|~-]{1,64}\/[\w!#$%&'*+.^`|~-]{1,64})[ \t]*(?:;(?:[^",]|"(?:[^"\\]|\\.)*")*)?$/;

/** JSON, whatever it describes: `application/problem+json` too. */
export const isJsonType = (mediaType: string): boolean =>
  mediaType === 'application/json' || mediaType === 'text/json' || mediaType.endsWith('+json');
