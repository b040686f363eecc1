// Before the load: a query server -> places where people stand, cells they ask for, shops whose changes are watched.

import http from 'k6/http';
import { reader, shops } from './target.js';
import { shopOfRank } from './popularity.js';

/** People stand near the most popular shops; so many places are asked from. */
const PLACES_MAX = 1000;
/** Cells that are asked for by their canonical URL. */
const CELLS_MAX = 200;
/** Shops that are renamed in turn, of the least popular of those cells: the measurement should not be what changes the lists. */
const WATCHED_MAX = 50;
const BATCH_SHOPS_MAX = 50;

/** Looks around; fails with a sentence if the query server is away or empty. */
export function lookAround() {
  const places = popularShops(Math.min(PLACES_MAX, shops)).map(({ location }, index) => beside(location, index));
  const cells = new Map();
  const watched = new Map();
  for (const [lat, lng] of places) {
    const response = get(`/v1/shops?lat=${lat}&lng=${lng}`);
    const cell = response.headers['Content-Location'];
    if (cells.has(cell)) continue;
    const card = response.json().shops[0];
    cells.set(cell, true);
    // The first of a list stands there to stay: it takes many changes to push it off the page.
    if (card && !watched.has(card.id)) watched.set(card.id, { id: card.id, name: card.name, list: cell });
    if (cells.size === CELLS_MAX) break;
  }
  if (watched.size === 0) throw new Error(`no list near the popular shops of ${reader} holds a shop`);
  return { places, cells: [...cells.keys()], watched: [...watched.values()].slice(-WATCHED_MAX) };
}

/** Cards of the most popular shops, the most popular first. */
function popularShops(ranksMax) {
  const cards = [];
  for (let from = 1; from <= ranksMax; from += BATCH_SHOPS_MAX) {
    const ids = [];
    for (let rank = from; rank < from + BATCH_SHOPS_MAX && rank <= ranksMax; rank += 1) ids.push(shopOfRank(rank, shops));
    cards.push(...get(`/v1/shops?ids=${ids.join(',')}`).json().shops);
  }
  if (cards.length === 0) throw new Error(`${reader} holds none of the shops 1 to ${shops}; seed it, or give --shops`);
  return cards;
}

/** A place some 150 m around a shop, the same in every run, as fine as an app tells it (11 m). */
function beside({ lat, lng }, index) {
  const turn = index * 2.399963;
  return [(lat + 0.0013 * Math.sin(turn)).toFixed(4), (lng + 0.002 * Math.cos(turn)).toFixed(4)];
}

function get(path) {
  const response = http.get(reader + path, { tags: { endpoint: 'setup', name: 'setup' }, redirects: 0 });
  if (response.status !== 200) {
    throw new Error(`${reader}${path} answered ${response.status || response.error}, expected 200`);
  }
  return response;
}
