// What the report tells -> one HTML page: no script, nothing fetched, readable in ten years.

import { cellsOf, ms, percent } from './report.js';
import { peak, totalSeconds } from './phases.js';

/** `run` puts what it saw of the processes in the place of this line. */
const GENERATOR_MARK = '<!-- generator -->';

const STYLE = `
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1d2428 }
  table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }
  th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #dde3e6 } th:first-child, td:first-child { text-align: left }
  .holds { color: #14713d } .broken { color: #b3261e; font-weight: 600 } pre { background: #f3f6f7; padding: 1rem; overflow: auto }
  svg { width: 100%; background: #f3f6f7 } .note { color: #56646c }
  @media (prefers-color-scheme: dark) { body { background: #14191c; color: #dfe6ea } pre, svg { background: #1e262a } th, td { border-color: #344046 } .holds { color: #6fd39b } .broken { color: #ff8a80 } .note { color: #9fb0b9 } }`;

/** The whole page. */
export function page(told) {
  const broken = told.limits.filter(({ ok }) => !ok).length;
  const verdict = broken === 0 ? '<span class="holds">all thresholds hold</span>' : `<span class="broken">${broken} of ${told.limits.length} thresholds do not hold</span>`;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(told.plan.name)}</title>
<style>${STYLE}</style>
<h1>${escaped(told.plan.name)}: ${verdict}</h1>
<p>${told.requests} requests to ${escaped(told.reader)} with ${told.shops} shops; base rate ${told.baseRate} visits/s, ${told.planned} visits planned,
${told.dropped} not begun because no phone was free (dropped).</p>
<h2>What was asked for</h2>
${offered(told)}
<h2>What came back</h2>
${table(['endpoint', 'requests', 'dropped', 'answered', 'refused', 'failed', '304', 'p50 ms', 'p95 ms', 'p99 ms', 'most ms'], told.endpoints.map((row) => [row.endpoint, ...cellsOf(row)]))}
<p class="note">answered: 200, 304 or 410 in time. refused: 503. failed: everything else. 304: share of the conditional requests. Times are of all requests, refused ones too.</p>
<h2>Phase by phase</h2>
${table(['endpoint', 'phase', 'requests', 'answered', 'refused', 'p50 ms', 'p95 ms', 'p99 ms', 'most ms'], told.endpoints.flatMap(phaseRows))}
${told.freshness.length === 0 ? '' : freshness(told)}
<h2>Who was the limit</h2>
<pre>
${GENERATOR_MARK}
</pre>
<h2>Thresholds</h2>
${table(['metric', 'condition', ''], told.limits.map(({ metric, condition, ok }) => [metric, condition, ok ? '✓' : '✗ does not hold']))}
</html>
`;
}

function phaseRows({ endpoint, phases }) {
  return phases.map(({ phase, requests, answered, refused, p50, p95, p99, most }) => [
    endpoint, phase, requests, percent(answered), percent(refused), ms(p50), ms(p95), ms(p99), ms(most),
  ]);
}

function freshness({ freshness: lags, freshnessFailed, freshnessUnlisted }) {
  const rows = lags.map((lag) => [lag.where, ms(lag.min), ms(lag.med), ms(lag['p(95)']), ms(lag['p(99)']), ms(lag.max)]);
  return `<h2>Freshness: writer's answer until visible</h2>
${table(['where', 'least ms', 'p50 ms', 'p95 ms', 'p99 ms', 'most ms'], rows)}
<p class="note">${freshnessFailed} changes not taken or never seen; ${freshnessUnlisted} not watched because the shop left its page.</p>`;
}

/** The planned rate over time. */
function offered({ plan, baseRate }) {
  const [width, height, top] = [1000, 140, 16];
  const x = (seconds) => ((seconds / totalSeconds(plan.phases)) * width).toFixed(1);
  const y = (times) => (height - (times / peak(plan.phases)) * (height - top)).toFixed(1);
  let at = 0;
  const points = [`0,${y(plan.phases[0].to)}`];
  const names = plan.phases.map(({ name, seconds, to }) => {
    const label = `<text x="${x(at)}" y="12" dx="3" font-size="11" fill="currentColor">${escaped(name)}, to ${to * baseRate}/s</text>`;
    at += seconds;
    points.push(`${x(at)},${y(to)}`);
    // A phase of a second has no room for its name.
    return seconds > 2 ? label : '';
  });
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="planned visits a second over time"><polyline points="${points.join(' ')}" fill="none" stroke="#1f7ae0" stroke-width="2"/>${names.join('')}</svg>`;
}

function table(head, rows) {
  const line = (tag, cells) => `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>${line('th', head)}${rows.map((row) => line('td', row)).join('')}</table>`;
}

function escaped(value) {
  return String(value).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
