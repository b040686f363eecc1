// Variables of `run` -> whom to ask. Load is for one's own machine: another host must be asked for by name.

const LOOPBACK = /^http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/;

/** Base URL of the query server. */
export const reader = checked('READER_URL', __ENV.READER_URL || 'http://127.0.0.1:8080');
/** Base URL of the shop writer; empty: freshness is not measured. */
export const writer = checked('WRITER_URL', __ENV.WRITER_URL || '');
/** Shops with the IDs 1 to this are asked for. */
export const shops = wholeNumber('SHOPS', 20000);
/** Visits a second of a calm afternoon, all endpoints together. */
export const baseRate = wholeNumber('BASE_RATE', 10);
/** Where the report goes. */
export const out = __ENV.OUT || '.';

function checked(name, given) {
  const url = given.replace(/\/+$/, '');
  if (url === '' || LOOPBACK.test(url)) return url;
  if (!/^https?:\/\/[^/?#@]+$/.test(url)) {
    throw new Error(`${name} is \`${given}\`, expected a base URL such as http://127.0.0.1:8080`);
  }
  if (__ENV.ALLOW_REMOTE !== '1') {
    throw new Error(`${name} is \`${given}\`, which is not this machine; give --allow-remote if you may load it`);
  }
  return url;
}

function wholeNumber(name, otherwise) {
  const given = __ENV[name] || String(otherwise);
  if (!/^[1-9]\d{0,7}$/.test(given)) throw new Error(`${name} is \`${given}\`, expected a whole number above zero`);
  return Number(given);
}
