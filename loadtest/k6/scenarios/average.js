// An ordinary evening: ten times the calm of the afternoon, steady.

import { load } from '../lib/load.js';
import { report } from '../lib/report.js';
import { visits } from '../lib/visits.js';

const each = { p95Ms: 50, p99Ms: 150, failedMax: 0.0001, refusedMax: 0 };

const plan = {
  name: 'average',
  phases: [
    { name: 'calm', seconds: 10, to: 1 },
    { name: 'rising', seconds: 10, to: 10 },
    { name: 'evening', seconds: 60, to: 10 },
  ],
  limits: { list: each, cells: each, detail: each, batch: each },
  droppedShareMax: 0.001,
  freshnessP99Ms: 1500,
};

export const options = load(plan);
export const { setup, teardown, freshness, list, cells, detail, batch } = visits(plan);
export const handleSummary = report(plan);
