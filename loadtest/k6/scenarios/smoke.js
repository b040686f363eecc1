// Does everything answer, and rightly? Calm, short, nothing may go wrong.

import { load } from '../lib/load.js';
import { report } from '../lib/report.js';
import { visits } from '../lib/visits.js';

const each = { p95Ms: 100, p99Ms: 300, failedMax: 0, refusedMax: 0 };

const plan = {
  name: 'smoke',
  phases: [{ name: 'calm', seconds: 15, to: 1 }],
  limits: { list: each, cells: each, detail: each, batch: each },
  droppedShareMax: 0,
  freshnessP99Ms: 1500,
};

export const options = load(plan);
export const { setup, teardown, freshness, list, cells, detail, batch } = visits(plan);
export const handleSummary = report(plan);
