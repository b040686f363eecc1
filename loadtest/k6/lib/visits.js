// What people do, one function per endpoint: draw by popularity, ask, sometimes go on.

import { lookAround } from './town.js';
import { measureFreshness, restoreNames } from './freshness.js';
import { phaseAt } from './phases.js';
import { popularity, shopOfRank } from './popularity.js';
import { reader, shops } from './target.js';
import { ask } from './requests.js';

/** Cards on one page. */
const PAGE_SHOPS_MAX = 25;
/** Favourites and past orders that an app asks for at once. */
const BATCH_SHOPS = 10;
/** Chance that somebody who reached the end of a page wants the next one ... */
const NEXT_PAGE_CHANCE = 0.25;
/** ... up to this one. */
const PAGES_MAX = 4;

const drawShopRank = popularity(shops);
// How many there are is known after looking around, and the same for all phones.
const draws = new Map();

function drawFrom(list) {
  if (!draws.has(list.length)) draws.set(list.length, popularity(list.length));
  return list[draws.get(list.length)() - 1];
}

const drawShop = () => shopOfRank(drawShopRank(), shops);
const isList = (page) => Array.isArray(page.shops) && page.shops.length <= PAGE_SHOPS_MAX && 'next_cursor' in page;

/** The functions that k6 calls, for one plan. */
export function visits({ phases }) {
  const now = (town, endpoint, isRight) => ({ endpoint, isRight, phase: phaseAt(phases, Date.now() - town.beganAt) });
  return {
    setup: () => ({ ...lookAround(), beganAt: Date.now() }),
    teardown: restoreNames,
    freshness: measureFreshness,

    /** The app opens: what is there around me? */
    list(town) {
      const [lat, lng] = drawFrom(town.places);
      ask(`${reader}/v1/shops?lat=${lat}&lng=${lng}`, now(town, 'list', isList));
    },

    /** The same by the canonical URL, as a CDN asks; some go on to further pages. */
    cells(town) {
      let path = drawFrom(town.cells);
      const first = path;
      for (let pages = 1; path; pages += 1) {
        const goesOn = pages < PAGES_MAX && Math.random() < NEXT_PAGE_CHANCE;
        const asked = now(town, 'cells', isList);
        const page = ask(reader + path, goesOn ? { ...asked, read: true } : asked);
        path = goesOn && page && page.next_cursor && `${first}?cursor=${encodeURIComponent(page.next_cursor)}`;
      }
    },

    /** One shop with its menu. */
    detail(town) {
      const id = String(drawShop());
      ask(`${reader}/v1/shops/${id}`, now(town, 'detail', (page) => page.id === id));
    },

    /** Favourites, past orders, the basket. */
    batch(town) {
      const ids = new Set();
      while (ids.size < Math.min(BATCH_SHOPS, shops)) ids.add(drawShop());
      const isRight = (page) => page.shops.length + page.meta.missing.length === ids.size;
      ask(`${reader}/v1/shops?ids=${[...ids].join(',')}`, now(town, 'batch', isRight));
    },
  };
}
