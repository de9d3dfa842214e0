/** Runs `each` over `items`, `width` at a time, and keeps their order: enough for speed, too few to flood a server. */
export async function inTurn<In, Out>(
  items: readonly In[],
  each: (item: In) => Promise<Out>,
  width = 8,
): Promise<readonly Out[]> {
  const results: Out[] = [];
  for (let at = 0; at < items.length; at += width) {
    results.push(...(await Promise.all(items.slice(at, at + width).map(each))));
  }
  return results;
}
