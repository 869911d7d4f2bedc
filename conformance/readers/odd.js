'use strict';
// Requests at random: what is judged, and what could be taken for it.

/** Mulberry32: the same forms for the same seed. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const JUNK = [
  '[', ']', '[]', '][', '[0]', '[1]', '[00]', '[x]', '[[', ']]', '.', '.0', '.x', 'x.', '_', ' ', '+', '\t', '\0', '\ufeff', '\u200b',
  '\u0130', '\u0131', '\u017f', '\u212a', '\ufb01', '?', '#', '&', '&&', ';', ',', '=', '"', '\\', '$', '__proto__', 'constructor',
  '%', '%00', '%u0061', '%5B', '%255B', '\r\n', '-', ':', 'amount', 'to', 'transfer',
];

/** The two names that a rule reads, for each rule, and what is there of the first. */
const RULES = {
  star: { names: ['amount', 'to'], first: '1' },
  part: { names: ['transfer[amount]', 'transfer[to]'], first: '1' },
  // It is looked for, and there is none.
  tip: { names: ['tip', 'to'], first: undefined },
  'tip-part': { names: ['tip[amount]', 'to'], first: undefined },
};

/** A name that could be taken for one of these. */
function nameLike(roll, pick, names) {
  const letters = [...pick([...names, ...names.map((name) => name.split('[')[0])])];
  for (let left = pick([0, 1, 1, 1, 2, 3]); left > 0; left -= 1) {
    const place = Math.floor(roll() * (letters.length + 1));
    const kind = roll();
    if (kind < 0.5) letters.splice(place, 0, pick(JUNK));
    else if (kind < 0.65) letters.push(pick(JUNK));
    else if (kind < 0.8) letters.unshift(pick(JUNK));
    else if (kind < 0.9 && place < letters.length) letters[place] = letters[place].toUpperCase();
    else letters.splice(place, 1);
  }
  return letters.join('');
}

const picking = (roll) => (list) => list[Math.floor(roll() * list.length)];
const inserted = (roll, list, what) => list.splice(Math.floor(roll() * (list.length + 1)), 0, what);
const raw = (name) => [...name].map((c) => (c > ' ' && c < '\x7f' ? c : encodeURIComponent(c))).join('');
/** What stands behind a bare `#` is sent by nobody. */
const sent = (query) => query.join('&').replaceAll('#', '%23');

/** A form, with a query. */
function oddForm(roll, { names, first }, payee) {
  const pick = picking(roll);
  const written = (name) => pick([raw, raw, encodeURIComponent])(name);
  const body = [`${written(names[1])}=${payee}`];
  if (first !== undefined) body.unshift(`${written(names[0])}=${first}`);
  const query = [];
  for (let left = pick([1, 1, 2, 3]); left > 0; left -= 1) {
    const pair = `${written(nameLike(roll, pick, names))}=${pick(['9000', '9000', '', '[x]=9000'])}`;
    inserted(roll, pick([body, body, query]), pair);
  }
  return { query: sent(query), body: body.join('&') };
}

const LONE = ['\\ud800', '\\u0000', '\\u000', '\\x61', '\\/', "'", '"', '/*', '*/', '//', '\n', ',', ':', '{', '}', '[', ']', 'NaN', '\ufeff', '\0', '-', 'e1', '.0'];
const VALUES = ['9000', '"9000"', '9000.0', '9e3', 'null', '[9000]', '{"x":9000}', '{"amount":9000,"tip":9000}', 'true', '""'];
const ONES = ['1', '1', '1', '"1"', '1.0', '1e0', '01', '+1', '-1', '1.', '0x1', '1n', '10e-1', '18446744073709551617'];

/** JSON, with a query. */
function oddJson(roll, { names, first }, payee) {
  const pick = picking(roll);
  const escaped = (name) => [...name].map((c) => (roll() < 0.2 && c.length === 1 ? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}` : c)).join('');
  const written = (name) => pick([JSON.stringify(name), JSON.stringify(name), `"${escaped(name)}"`, `"${name}"`]);
  const members = [`${written(names[1])}:${JSON.stringify(payee)}`];
  if (first !== undefined) members.unshift(`${written(names[0])}:${pick(ONES)}`);
  const judged = [...members];
  const query = [];
  for (let left = pick([0, 1, 1, 2, 3]); left > 0; left -= 1) {
    const name = nameLike(roll, pick, names);
    if (roll() < 0.8) inserted(roll, members, `${written(name)}:${pick(VALUES)}`);
    else inserted(roll, query, `${raw(name)}=9000`);
  }
  const letters = ['{'];
  members.forEach((member, place) => {
    if (place > 0) letters.push(pick([',', ', ', ',\n']));
    // What is judged stays as it is; all around it may be anything.
    letters.push(...(judged.includes(member) ? [member] : member));
  });
  letters.push('}');
  for (let left = pick([0, 0, 0, 1, 2]); left > 0; left -= 1) inserted(roll, letters, pick(LONE));
  return { query: sent(query), body: letters.join('') };
}

module.exports = { random, oddForm, oddJson, RULES };
