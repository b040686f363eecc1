// What k6 counted -> `summary.json`, `report.html` (one file, nothing fetched), `figures` (for `run`), some lines to read.

import { baseRate, out, reader, shops, writer } from './target.js';
import { ENDPOINTS, KEPT, plannedVisits } from './load.js';
import { page } from './page.js';

const KEPT_ONLY = Object.values(KEPT);

/** k6's `handleSummary` for a plan. */
export function report(plan) {
  return (data) => {
    const told = tell(plan, data.metrics);
    return {
      [`${out}/summary.json`]: JSON.stringify(data, null, 1),
      [`${out}/report.html`]: page(told),
      [`${out}/figures`]: figures(told),
      stdout: text(told),
    };
  };
}

/** All that is said, as one plain object. */
function tell(plan, metrics) {
  const values = (metric, tags) => {
    const inner = Object.entries(tags).map(([tag, value]) => `${tag}:${value}`).join(',');
    const found = metrics[inner === '' ? metric : `${metric}{${inner}}`];
    return (found && found.values) || {};
  };
  const share = (metric, tags) => {
    const { rate, passes, fails } = values(metric, tags);
    return passes + fails > 0 ? rate : undefined;
  };
  const row = (tags) => {
    const requests = values('http_reqs', tags).count || 0;
    const duration = requests > 0 ? values('http_req_duration', tags) : {};
    return {
      requests,
      answered: share('answered', tags),
      refused: share('refused', tags),
      p50: duration.med,
      p95: duration['p(95)'],
      p99: duration['p(99)'],
      most: duration.max,
    };
  };
  const endpoints = ENDPOINTS.map((endpoint) => ({
    endpoint,
    ...row({ endpoint }),
    failed: share('http_req_failed', { endpoint }),
    notModified: share('not_modified', { endpoint }),
    dropped: values('dropped_iterations', { scenario: endpoint }).count || 0,
    phases: plan.phases.map(({ name }) => ({ phase: name, ...row({ endpoint, phase: name }) })),
  }));
  return {
    plan,
    baseRate,
    shops,
    reader,
    endpoints,
    planned: plannedVisits(plan.phases),
    dropped: values('dropped_iterations', {}).count || 0,
    requests: endpoints.reduce((sum, { requests }) => sum + requests, 0),
    // With those of looking around and of watching changes.
    allRequests: values('http_reqs', {}).count || 0,
    freshness: writer === '' ? [] : ['detail', 'card'].map((where) => ({ where, ...values('freshness_ms', { where }) })),
    freshnessFailed: values('freshness_failed', {}).count || 0,
    freshnessUnlisted: values('freshness_unlisted', {}).count || 0,
    limits: limits(metrics),
  };
}

/** Every condition that was set, and whether it holds. */
function limits(metrics) {
  return Object.entries(metrics).flatMap(([metric, { thresholds = {} }]) =>
    Object.entries(thresholds)
      .filter(([condition]) => !KEPT_ONLY.includes(condition))
      .map(([condition, { ok }]) => ({ metric, condition, ok })),
  );
}

/** `name value` lines: a shell has no JSON. */
function figures({ planned, dropped, allRequests }) {
  return `planned ${planned}\ndropped ${dropped}\nrequests ${allRequests}\n`;
}

function text(told) {
  const lines = [
    '',
    `${told.plan.name}: ${told.requests} requests, ${told.planned} visits planned, ${told.dropped} not begun (dropped)`,
    columns('', 'requests', 'dropped', 'answered', 'refused', 'failed', '304', 'p50 ms', 'p95 ms', 'p99 ms', 'most ms'),
    ...told.endpoints.map((row) => columns(row.endpoint, ...cellsOf(row))),
    ...told.freshness.map(
      (lag) => `fresh in ${lag.where}: p50 ${ms(lag.med)} ms, p99 ${ms(lag['p(99)'])} ms, most ${ms(lag.max)} ms after the writer's answer`,
    ),
    ...told.limits.filter(({ ok }) => !ok).map(({ metric, condition }) => `does not hold: ${metric} ${condition}`),
    told.limits.every(({ ok }) => ok) ? `all ${told.limits.length} thresholds hold` : '',
    '',
  ];
  return lines.join('\n');
}

const columns = (first, ...rest) => first.padEnd(8) + rest.map((cell) => String(cell).padStart(10)).join('');

/** A row's figures as people read them. */
export function cellsOf({ requests, dropped, answered, refused, failed, notModified, p50, p95, p99, most }) {
  return [requests, dropped, percent(answered), percent(refused), percent(failed), percent(notModified), ms(p50), ms(p95), ms(p99), ms(most)];
}

/** Two decimals below 10 ms, none above 100 ms. */
export function ms(value) {
  if (value === undefined) return '–';
  if (value < 10) return value.toFixed(2);
  return value.toFixed(value < 100 ? 1 : 0);
}

/** A share as people read it; never rounded up to all, never down to none. */
export function percent(share) {
  if (share === undefined) return '–';
  if (share === 0 || share === 1) return `${share * 100} %`;
  const digits = share > 0.0001 && share < 0.9999 ? 2 : 4;
  return `${(share * 100).toFixed(digits)} %`;
}
