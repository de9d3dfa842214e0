/** Whether counts can be subtracted from later ones: sums count under all of their processes, `p+q`. Pure. */

/**
 * `same` processes: subtract. All of them `anew`: the later counts are the difference. `mixed`: some left or came, and what
 * they had counted before is in one of the two sums only, so that nothing can be said.
 */
export function countedBy(before: string, after: string): 'same' | 'anew' | 'mixed' {
  if (before === after) return 'same';
  const earlier = before.split('+');
  return after.split('+').some((process) => earlier.includes(process)) ? 'mixed' : 'anew';
}
