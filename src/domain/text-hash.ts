/** 32-bit FNV-1a over a part of a text: fast, without a copy, and nobody's secret. Begin with FNV_START or an earlier result. */
export const FNV_START = 0x811c9dc5;

export function fnv1a(start: number, text: string, from = 0, to = text.length): number {
  let h = start;
  for (let i = from; i < to; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}
