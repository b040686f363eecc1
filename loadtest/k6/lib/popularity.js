// How often which rank is asked for: drawn from real requests (see README.md) -> a rank, 1 is the most popular.

const runs = open('../popularity.csv')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split(',').map(Number));

/**
 * A function that draws ranks from 1 to `ranksMax` as often as they were asked for; the ranks behind are left out, not
 * folded back, and there are none above the 20,484 of the trace.
 */
export function popularity(ranksMax) {
  const steps = [];
  let requests = 0;
  for (const [first, last, each] of runs) {
    if (first > ranksMax) break;
    steps.push({ from: requests, first, each });
    requests += (Math.min(last, ranksMax) - first + 1) * each;
  }
  return () => {
    const drawn = Math.floor(Math.random() * requests);
    const step = lastFromAtMost(steps, drawn);
    return step.first + Math.floor((drawn - step.from) / step.each);
  };
}

function lastFromAtMost(steps, drawn) {
  let low = 0;
  let high = steps.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (steps[middle].from <= drawn) low = middle;
    else high = middle - 1;
  }
  return steps[low];
}

/** The shop of a rank: a stride without common factor spreads popular shops over all IDs, each rank its own shop. */
export function shopOfRank(rank, shops) {
  const stride = shops % 7919 === 0 ? 7907 : 7919;
  return ((rank * stride) % shops) + 1;
}
