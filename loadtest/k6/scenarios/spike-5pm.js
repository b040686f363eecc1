// 5 pm, the first hundred chickens are free: 1 -> 150 times the base rate within a second, hold, decay.
// The order path (detail, batch) goes on; lists and cells may be refused, early and with `Retry-After`.

import { load } from '../lib/load.js';
import { report } from '../lib/report.js';
import { visits } from '../lib/visits.js';

const orderPath = { p95Ms: 250, p99Ms: 1000, failedMax: 0.001, refusedMax: 0.001 };
const browsing = { p95Ms: 500, p99Ms: 2000, failedMax: 0.001, refusedMax: 0.5 };

const plan = {
  name: 'spike-5pm',
  phases: [
    { name: 'calm', seconds: 15, to: 1 },
    { name: 'jump', seconds: 1, to: 150 },
    { name: 'flood', seconds: 20, to: 150 },
    { name: 'decay', seconds: 20, to: 10 },
    { name: 'after', seconds: 15, to: 10 },
  ],
  limits: { list: browsing, cells: browsing, detail: orderPath, batch: orderPath },
  droppedShareMax: 0.01,
  freshnessP99Ms: 3000,
};

export const options = load(plan);
export const { setup, teardown, freshness, list, cells, detail, batch } = visits(plan);
export const handleSummary = report(plan);
