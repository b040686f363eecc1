// A plan -> what k6 runs and what must hold.

import { baseRate, writer } from './target.js';
import { peak, totalSeconds, visitsPerBaseRate } from './phases.js';

/** Of all visits, by endpoint: people look around more than they decide. */
export const SHARES = { list: 0.4, cells: 0.15, detail: 0.35, batch: 0.1 };
export const ENDPOINTS = Object.keys(SHARES);

/** So long a visit may take on average at the peak before k6 runs out of phones and drops visits. */
const VISIT_S_AT_PEAK = 0.2;
/** Renamings a second. */
const FRESHNESS_RATE = 1;
/** Holds always: makes k6 keep the figures of a tag for the report. */
export const KEPT = { count: 'count>=0', rate: 'rate>=0', duration: 'p(50)>=0' };

/** k6's options for a plan (see `scenarios/`). */
export function load(plan) {
  return {
    scenarios: { ...arrivals(plan), ...(writer === '' ? {} : freshness(plan)) },
    thresholds: thresholds(plan),
    summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'max'],
    // No URL among them: every batch has its own, and each would be a series in k6's memory.
    systemTags: ['scenario', 'status', 'expected_response', 'error_code'],
    setupTimeout: '120s',
    discardResponseBodies: false,
    noVUConnectionReuse: false,
  };
}

/** Open model: people come at the planned rate, whether or not those before were answered. */
function arrivals({ phases }) {
  const scenarios = {};
  for (const [endpoint, share] of Object.entries(SHARES)) {
    // k6 wants whole numbers; by the minute they are fine enough.
    const perMinute = (times) => Math.max(1, Math.round(baseRate * share * times * 60));
    const phones = Math.max(4, Math.ceil(baseRate * share * peak(phases) * VISIT_S_AT_PEAK));
    scenarios[endpoint] = {
      executor: 'ramping-arrival-rate',
      exec: endpoint,
      tags: { endpoint },
      timeUnit: '1m',
      startRate: perMinute(phases[0].to),
      stages: phases.map(({ seconds, to }) => ({ duration: `${seconds}s`, target: perMinute(to) })),
      // All from the start: making phones in the middle of a flood would cost the generator what it has not.
      preAllocatedVUs: phones,
      maxVUs: phones,
      gracefulStop: '6s',
    };
  }
  return scenarios;
}

function freshness({ phases }) {
  return {
    freshness: {
      executor: 'constant-arrival-rate',
      exec: 'freshness',
      rate: FRESHNESS_RATE,
      timeUnit: '1s',
      duration: `${totalSeconds(phases)}s`,
      preAllocatedVUs: 20,
      maxVUs: 20,
      gracefulStop: '12s',
    },
  };
}

function thresholds({ phases, limits, droppedShareMax, freshnessP99Ms }) {
  const all = {};
  const must = (metric, tags, condition) => {
    const name = `${metric}{${Object.entries(tags).map(([tag, value]) => `${tag}:${value}`).join(',')}}`;
    all[name] = [...(all[name] || []), condition];
  };
  for (const endpoint of ENDPOINTS) {
    const { p95Ms, p99Ms, failedMax, refusedMax } = limits[endpoint];
    must('http_req_duration', { endpoint }, `p(95)<${p95Ms}`);
    must('http_req_duration', { endpoint }, `p(99)<${p99Ms}`);
    must('http_req_failed', { endpoint }, `rate<=${failedMax}`);
    must('refused', { endpoint }, `rate<=${refusedMax}`);
    must('answered', { endpoint }, KEPT.rate);
    must('not_modified', { endpoint }, KEPT.rate);
    // Conditions on nothing hold: that something was asked is one of them.
    must('http_reqs', { endpoint }, 'count>0');
    must('dropped_iterations', { scenario: endpoint }, KEPT.count);
    for (const { name: phase } of phases) {
      must('http_req_duration', { endpoint, phase }, KEPT.duration);
      must('http_reqs', { endpoint, phase }, KEPT.count);
      must('answered', { endpoint, phase }, KEPT.rate);
      must('refused', { endpoint, phase }, KEPT.rate);
    }
  }
  all.malformed = ['count<1'];
  all.refused_without_retry_after = ['count<1'];
  all.dropped_iterations = [`count<=${Math.floor(plannedVisits(phases) * droppedShareMax)}`];
  if (writer !== '') {
    for (const where of ['detail', 'card']) must('freshness_ms', { where }, `p(99)<${freshnessP99Ms}`);
    all.freshness_failed = ['count<1'];
  }
  return all;
}

/** Visits that a plan is to begin. */
export function plannedVisits(phases) {
  return Math.round(visitsPerBaseRate(phases) * baseRate);
}
