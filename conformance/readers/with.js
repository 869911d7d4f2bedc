'use strict';
// What applications read forms, queries and JSON with.

const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const path = require('node:path');
const querystring = require('node:querystring');
const qs = require('qs');

const parts = (name) => name.split('[').map((part) => part.replace(']', ''));
const whole = (name) => [name];
const nested = (read) => ({ read, path: parts });
const flat = (read) => ({ read, path: whole });
const several = (text) => {
  const read = new URLSearchParams(text);
  const all = (name) => read.getAll(name);
  return Object.fromEntries([...read.keys()].map((name) => [name, all(name).length > 1 ? all(name) : all(name)[0]]));
};
/** Each reads forms and queries by itself. */
const READERS = {
  'qs': nested((text) => qs.parse(text)),
  'qs in Express': nested((text) => qs.parse(text, { allowPrototypes: true })),
  'qs with dots': nested((text) => qs.parse(text, { allowDots: true, ignoreQueryPrefix: true })),
  'qs without brackets': flat((text) => qs.parse(text, { depth: 0 })),
  'querystring': flat((text) => querystring.parse(text)),
  'URLSearchParams': flat(several),
};

/** Fields by what stands behind a prefix, where one has it, as ASP.NET has the name of a parameter and Fastjson a `_`. */
const behind = (prefix) => flat((text) => {
  const read = several(text);
  const prefixed = Object.keys(read).filter((name) => prefix.test(name));
  return { ...read, ...Object.fromEntries(prefixed.map((name) => [name.replace(prefix, ''), read[name]])) };
});
/** More of the same, for which names in what proxies ask are not judged. */
const READERS_BEHIND_RAILS = { ...READERS, 'ASP.NET': behind(/^[^.]*\./), 'Fastjson': behind(/^_/) };

/** As Go does, which takes no heed of the case of letters and keeps the last. */
function inAnyCase(read) {
  const folded = (name) => name.toUpperCase().toLowerCase();
  return Object.fromEntries(Object.entries(read).map(([name, value]) => [folded(name), value]));
}
const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};
/** Each reads JSON; null is what is none to it. */
const JSON_READERS = {
  'JSON.parse': parsed,
  'JSON.parse, merged': (text) => parsed(text) && Object.assign({}, parsed(text)),
  'in any case': (text) => parsed(text) && inAnyCase(parsed(text)),
};

/** Programs of their own, where they are there: a line of JSON with a query, a body and its kind each. */
const PROGRAMS = {
  PHP: { run: ['php', path.join(__dirname, 'read.php')], path: parts },
  Rack: { run: ['ruby', path.join(__dirname, 'read.rb')], path: parts },
  Python: { run: ['python3', path.join(__dirname, 'read.py')], path: whole },
};
const there = Object.entries(PROGRAMS).filter(([, { run: [program] }]) => spawnSync(program, ['--version']).status === 0);

function assertRead({ names, first }, payee, reader, asked, query, body, way) {
  const own = (object, part) => (object !== null && typeof object === 'object' ? object[part] : undefined);
  const at = (read, name) => {
    const found = way(name).reduce(own, read);
    return typeof found === 'number' ? String(found) : found;
  };
  // Some take what the body says of a name, some what the query says, where they read both as one.
  for (const view of [body, { ...query, ...body }, { ...body, ...query }]) {
    const read = names.map((name) => at(view, name));
    assert.deepEqual(read, [first, payee], `${reader} reads something else in ${JSON.stringify(asked)}`);
  }
}

/** All that passed, `asked` and as it was `sent`, is read by all of them as it was judged. */
function assertAllRead(kind, rule, payee, passed, isRail) {
  for (const { asked, sent } of passed) {
    for (const [reader, { read, path: way }] of Object.entries(isRail ? READERS_BEHIND_RAILS : READERS)) {
      if (kind === 'form') {
        assertRead(rule, payee, reader, asked, read(sent.query), read(sent.body), way);
        continue;
      }
      for (const [jsonReader, readJson] of Object.entries(JSON_READERS)) {
        const body = readJson(sent.body);
        // What it refuses it does not take for anything.
        if (body !== null) assertRead(rule, payee, `${reader} and ${jsonReader}`, asked, read(sent.query), body, way);
      }
    }
  }
  const lines = passed.map(({ sent }) => `${JSON.stringify([sent.query, sent.body, kind])}\n`).join('');
  for (const [reader, { run: [program, script], path: way }] of there) {
    const told = execFileSync(program, [script], { input: lines, maxBuffer: 1 << 30 }).toString().trimEnd().split('\n');
    assert.equal(told.length, passed.length, `${reader} reads them all`);
    told.map((line) => JSON.parse(line)).forEach((read, number) => {
      if (read !== null) assertRead(rule, payee, reader, passed[number].asked, ...read, way);
    });
  }
}

module.exports = { assertAllRead, programs: there.map(([name]) => name) };
