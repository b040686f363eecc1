// A plan's phases, each a time in which the rate goes straight from where it was to `to` times the base rate.

/** Name of the phase after so many milliseconds; late answers belong to the last one. */
export function phaseAt(phases, elapsedMs) {
  let endsMs = 0;
  for (const phase of phases) {
    endsMs += phase.seconds * 1000;
    if (elapsedMs < endsMs) return phase.name;
  }
  return phases[phases.length - 1].name;
}

/** Visits that begin in all phases, at a base rate of one a second. */
export function visitsPerBaseRate(phases) {
  let from = phases[0].to;
  let visits = 0;
  for (const { seconds, to } of phases) {
    visits += ((from + to) / 2) * seconds;
    from = to;
  }
  return visits;
}

/** The highest multiple of the base rate. */
export function peak(phases) {
  return Math.max(...phases.map(({ to }) => to));
}

/** Length of all phases. */
export function totalSeconds(phases) {
  return phases.reduce((sum, { seconds }) => sum + seconds, 0);
}
