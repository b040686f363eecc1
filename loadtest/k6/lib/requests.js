// One GET of a phone: what it asks with, what it remembers, and what its answer counts as.

import http from 'k6/http';
import { Counter, Rate } from 'k6/metrics';

/** Answers a phone can use: the page, "you have it already", "this shop closed for good". */
const answered = new Rate('answered');
/** `503`: refused early. Not a failure, so not in `http_req_failed`; an order path refused is still an order lost. */
const refused = new Rate('refused');
/** Refusals that do not say when to come back break the contract. */
const refusedWithoutRetryAfter = new Counter('refused_without_retry_after');
/** Conditional requests that were answered `304`. */
const notModified = new Rate('not_modified');
/** Of the answers that were read: those that do not hold what was asked for. */
const malformed = new Counter('malformed');

http.setResponseCallback(http.expectedStatuses(200, 304, 410, 503));

/** Of ten phones, so many keep what they got and ask only whether it changed. */
const REMEMBERING_OF_TEN = 3;
/** Answers that such a phone keeps. */
const KEPT_MAX = 300;
/** Reading every answer would make the generator the limit: this share is read and looked into. */
const READ_SHARE = 0.01;
/** Later is never for somebody who is hungry. */
const TIMEOUT = '5s';

// One virtual user is one phone.
const remembers = __VU % 10 < REMEMBERING_OF_TEN;
const kept = new Map();

/**
 * Asks for a URL and counts the answer under its endpoint and phase. `isRight(page)` judges the answers that are read:
 * a share of all, or with `read` every one. Answers the page if it was read.
 */
export function ask(url, { endpoint, phase, isRight, read = Math.random() < READ_SHARE }) {
  const headers = { 'Accept-Encoding': 'zstd, br, gzip' };
  // Who reads needs the page itself.
  const tag = remembers && !read ? kept.get(url) : undefined;
  if (tag) headers['If-None-Match'] = tag;
  const response = http.get(url, {
    headers,
    redirects: 0,
    responseType: read ? 'text' : 'none',
    tags: { endpoint, phase, name: endpoint },
    timeout: TIMEOUT,
  });
  count(response, { endpoint, phase }, tag !== undefined);
  if (response.status !== 200) return null;
  if (remembers) keep(url, response.headers.Etag);
  return read ? checkedPage(response, endpoint, isRight) : null;
}

function count({ status, headers }, tags, wasConditional) {
  answered.add(status === 200 || status === 304 || status === 410, tags);
  refused.add(status === 503, tags);
  if (status === 503 && !headers['Retry-After']) refusedWithoutRetryAfter.add(1, tags);
  if (wasConditional) notModified.add(status === 304, tags);
}

function keep(url, tag) {
  if (!tag) return;
  if (kept.size >= KEPT_MAX) kept.delete(kept.keys().next().value);
  kept.set(url, tag);
}

function checkedPage(response, endpoint, isRight) {
  try {
    const page = JSON.parse(response.body);
    if (isRight(page)) return page;
  } catch (error) {
    // Half a page, or one without what it must hold.
  }
  malformed.add(1, { endpoint });
  return null;
}
