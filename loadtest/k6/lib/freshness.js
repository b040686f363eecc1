// Freshness lag: rename a shop at its writer, look until detail and list card say so.

import exec from 'k6/execution';
import http from 'k6/http';
import { sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { reader, writer } from './target.js';

/** From the writer's answer (the change is committed) until a reader sees it. */
const lag = new Trend('freshness_ms', true);
/** The writer did not take the change, or it was not seen in time. */
const failed = new Counter('freshness_failed');
/** The shop left its page meanwhile (others moved up), so its card could not be watched. */
const unlisted = new Counter('freshness_unlisted');

/** A change that is not visible by then counts as failed. */
const PATIENCE_MS = 10000;
/** Between two looks: also how fine the lag is measured, beside the time that two looks take. */
const LOOK_EVERY_S = 0.001;

/** One change of the next shop. */
export function measureFreshness({ watched }) {
  const number = exec.scenario.iterationInTest;
  const shop = watched[number % watched.length];
  const name = `${shop.name} · ${number}`;
  if (!rename(shop.id, name)) {
    failed.add(1);
    return;
  }
  const committedAt = Date.now();
  const waiting = new Set([
    { where: 'detail', path: `/v1/shops/${shop.id}`, find: (page) => page },
    { where: 'card', path: shop.list, find: (page) => page.shops.find((card) => card.id === shop.id) },
  ]);
  while (waiting.size > 0 && Date.now() - committedAt < PATIENCE_MS) {
    for (const look of waiting) {
      const seen = named(look);
      if (seen === name) lag.add(Date.now() - committedAt, { where: look.where });
      if (seen === null) unlisted.add(1);
      if (seen === name || seen === null) waiting.delete(look);
    }
    if (waiting.size > 0) sleep(LOOK_EVERY_S);
  }
  if (waiting.size > 0) failed.add(1);
}

/** What the shop is called there; `null` if it does not stand there, nothing while nobody answers. */
function named({ path, find }) {
  const response = http.get(reader + path, { tags: { endpoint: 'look', name: 'look' }, redirects: 0 });
  if (response.status !== 200) return undefined;
  const found = find(response.json());
  return found ? found.name : null;
}

/** Whether the writer took it. */
function rename(id, name) {
  const response = http.patch(`${writer}/v1/shops/${id}`, JSON.stringify({ name }), {
    headers: { 'Content-Type': 'application/merge-patch+json' },
    tags: { endpoint: 'rename', name: 'rename' },
  });
  return response.status === 200;
}

/** Afterwards all shops are called as before, but for those that closed. */
export function restoreNames({ watched }) {
  if (writer !== '') watched.forEach(({ id, name }) => rename(id, name));
}
