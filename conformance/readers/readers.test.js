'use strict';
// Forms and queries at random of which one pair is judged: whatever passes is that pair to every reader, and to none another.

const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { tmpdir } = require('node:os');
const path = require('node:path');
const querystring = require('node:querystring');
const { after, before, describe, test } = require('node:test');
const qs = require('qs');
const { Bursar, OTP, ELSEWHERE } = require('../sdk-js/server');

const FORMS = Number(process.env.BURSAR_READERS_FORMS || 1500);
const SEED = Number(process.env.BURSAR_READERS_SEED || 1);
const HOST = 'api.example.com';

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
  '[', ']', '[]', '][', '[0]', '[1]', '[00]', '[x]', '[[', ']]', '.', '.0', '.x', '_', ' ', '+', '\t', '\0', '\ufeff', '\u200b',
  '\u0130', '\u0131', '\u017f', '\u212a', '\ufb01', '?', '#', '&', '&&', ';', ',', '=', '"', '\\', '$', '__proto__', 'constructor',
  '%', '%00', '%u0061', '%5B', '%255B', '\r\n', '-', ':', 'amount', 'to', 'transfer',
];

/** The two names that a rule reads, for each rule, and what is there of the first. */
const RULES = {
  star: { names: ['amount', 'to'], first: '1' },
  part: { names: ['transfer[amount]', 'transfer[to]'], first: '1' },
  // It is looked for, and there is none.
  tip: { names: ['tip', 'to'], first: undefined },
};

/** A form with what is judged, and with what could be taken for it there and in the query. */
function odd(roll, { names, first }, payee) {
  const pick = (list) => list[Math.floor(roll() * list.length)];
  const other = () => {
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
  };
  const raw = (name) => [...name].map((c) => (c > ' ' && c < '\x7f' ? c : encodeURIComponent(c))).join('');
  const written = (name) => pick([raw, raw, encodeURIComponent])(name);
  const body = [`${written(names[1])}=${payee}`];
  if (first !== undefined) body.unshift(`${written(names[0])}=${first}`);
  const query = [];
  for (let left = pick([1, 1, 2, 3]); left > 0; left -= 1) {
    const place = pick([body, body, query]);
    const pair = `${written(other())}=${pick(['9000', '9000', '', '[x]=9000'])}`;
    place.splice(Math.floor(roll() * (place.length + 1)), 0, pair);
  }
  // What stands behind a bare `#` is sent by nobody.
  return { query: query.join('&').replaceAll('#', '%23'), body: body.join('&') };
}

const parts = (name) => name.split('[').map((part) => part.replace(']', ''));
const nested = (read) => ({ read, path: parts });
const flat = (read) => ({ read, path: (name) => [name] });
const several = (text) => {
  const read = new URLSearchParams(text);
  return Object.fromEntries([...read.keys()].map((name) => [name, read.getAll(name)]).map(([name, all]) => [name, all[1] ? all : all[0]]));
};
/** What applications read forms and queries with, each by itself. */
const READERS = {
  'qs': nested((text) => qs.parse(text)),
  'qs in Express': nested((text) => qs.parse(text, { allowPrototypes: true })),
  'qs with dots': nested((text) => qs.parse(text, { allowDots: true, ignoreQueryPrefix: true })),
  'qs without brackets': flat((text) => qs.parse(text, { depth: 0 })),
  'querystring': flat((text) => querystring.parse(text)),
  'URLSearchParams': flat(several),
};
/** Those that are programs of their own, where they are there: a line of JSON with a query and a form each. */
const PROGRAMS = {
  PHP: ['php', path.join(__dirname, 'read.php')],
  Rack: ['ruby', path.join(__dirname, 'read.rb')],
};
const there = Object.entries(PROGRAMS).filter(([, [program]]) => spawnSync(program, ['--version']).status === 0);

function assertRead({ names, first }, payee, reader, asked, query, body, path) {
  const own = (object, part) => (object !== null && typeof object === 'object' ? object[part] : undefined);
  const at = (read, name) => path(name).reduce(own, read);
  // Some take what the form says of a name, some what the query says, where they read both as one.
  for (const view of [body, { ...query, ...body }, { ...body, ...query }]) {
    const read = names.map((name) => at(view, name));
    assert.deepEqual(read, [first, payee], `${reader} reads something else in ${JSON.stringify(asked)}`);
  }
}

function assertAllRead(rule, payee, passed) {
  for (const { asked, sent } of passed) {
    for (const [reader, { read, path }] of Object.entries(READERS)) {
      assertRead(rule, payee, reader, asked, read(sent.query), read(sent.body), path);
    }
  }
  const lines = passed.map(({ sent }) => `${JSON.stringify([sent.query, sent.body])}\n`).join('');
  for (const [reader, [program, script]] of there) {
    const told = execFileSync(program, [script], { input: lines, maxBuffer: 1 << 30 }).toString().trimEnd().split('\n');
    assert.equal(told.length, passed.length, `${reader} reads them all`);
    told.map((line) => JSON.parse(line)).forEach((read, number) => {
      // What it refuses it does not take for anything.
      if (read !== null) assertRead(rule, payee, reader, passed[number].asked, ...read, parts);
    });
  }
}

describe('forms that pass', { timeout: 240_000 }, () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'bursar-readers-'));
  const data = path.join(directory, 'data');
  const upstream = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      upstream.last = { query: request.url.split('?')[1] ?? '', body };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"id":"1"}');
    });
  });
  let bursar;
  let token;

  before(async () => {
    await new Promise((resolve) => { upstream.listen(0, '127.0.0.1', resolve); });
    const rule = (where, fields, amount, to) => `
[[rails.shop.rules]]
method = "POST"
path = "/${where}"
operation = "spend"
headers = ["idempotency-key"]
body = "form"
fields = ["${fields}"]
query = ["*"]
asset = "usd"
amount = "${amount}"
destination = "body['${to}']"
key = "headers['idempotency-key']"
done = "status == 200"
record = "answer.id"
cut_off = "captured"
`;
    const file = (name, text) => {
      const place = path.join(directory, name);
      writeFileSync(place, text, { mode: 0o600 });
      return place;
    };
    file('shop.url', `http://127.0.0.1:${upstream.address().port}`);
    const rails = file('rails.toml', `
[rails.shop]
kind = "http"
url_file = "shop.url"
test_money = true
assets = { usd = 2 }
${rule('star', '*', "minor(body.amount, 'usd')", 'to')}
${rule('part', 'transfer[*]', "minor(body['transfer[amount]'], 'usd')", 'transfer[to]')}
${rule('tip', '*', "has(body.tip) ? minor(body.tip, 'usd') : minor('1', 'usd')", 'to')}`);
    // The id of a wallet is known once there is one.
    const first = new Bursar(2, ['--data-dir', data]);
    await first.start();
    const wallet = first.wallet('tbtc').id;
    await first.stop();
    const proxies = file('proxies.toml', `
trusted_proxies = ["127.0.0.1"]

[[authz.rules]]
operation = "spend"
host = "${HOST}"
method = "POST"
path = "/star"
wallet = "${wallet}"
coin = "tbtc"
amount = "body.amount"
destination = "body.to"
key = "header.Idempotency-Key"
body = "form"
`);
    bursar = new Bursar(2, ['--data-dir', data, '--rails', rails, '--proxies', proxies]);
    await bursar.start();
    execFileSync(process.env.BURSAR_BIN, [
      'wallet', 'add', '--data-dir', data, '--rail', 'shop', '--coin', 'usd', '--label', 'Shop', '--owner', bursar.username,
      '--reference', 'default',
    ]);
    const post = async (place, body, bearer) => {
      const { status, body: told } = await bursar.raw('POST', place, { bearer, body: JSON.stringify(body) });
      assert.ok(status < 300, JSON.stringify(told));
      return told;
    };
    const { username, password } = bursar;
    const { access_token: session } = await post('/api/v2/user/login', { email: username, password, otp: OTP });
    const limits = ['usd 1 per spend', 'tbtc 1/day'];
    const wish = { label: 'Readers', otp: OTP, scope: ['wallet_view_all', 'wallet_spend_all'], limits };
    ({ token } = await post('/bursar/v1/tokens', wish, session));
  });

  after(async () => {
    await bursar?.stop();
    upstream.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const form = (key) => ({
    'authorization': `Bearer ${token}`, 'content-type': 'application/x-www-form-urlencoded', 'idempotency-key': key,
  });

  async function tried(t, rule, payee, pass) {
    const roll = random(SEED);
    const passed = [];
    for (let number = 0; number < FORMS; number += 1) {
      const asked = odd(roll, rule, payee);
      const sent = await pass(asked, `${rule.names[0]}-${number}`);
      if (sent !== undefined) passed.push({ asked, sent });
    }
    const refused = FORMS - passed.length;
    t.diagnostic(`${passed.length} passed, ${refused} refused; also read by: ${there.map(([name]) => name).join(', ') || 'none'}`);
    // Neither all nor nothing: then nothing would have been tried.
    assert.ok(passed.length > FORMS / 100 && refused > FORMS / 100);
    assertAllRead(rule, payee, passed);
  }

  for (const [where, rule] of Object.entries(RULES)) {
    test(`an http rail (${where}) sends on what every reader reads as it was judged`, async (t) => {
      await tried(t, rule, 'bob', async ({ query, body }, key) => {
        const url = `${bursar.url}/rail/shop/${where}${query && '?'}${query}`;
        const answer = await fetch(url, { method: 'POST', headers: form(key), body });
        const told = await answer.text();
        if (answer.status === 200) return upstream.last;
        // The tip was seen.
        const isSeen = where === 'tip' && told.includes('limit_exceeded');
        assert.ok(answer.status < 500 && (isSeen || !told.includes('limit_exceeded')), `${query} ${body}: ${told}`);
        return undefined;
      });
    });
  }

  test('a proxy passes what every reader reads as it was judged', async (t) => {
    await tried(t, RULES.star, ELSEWHERE.tbtc, async (wanted, key) => {
      const { query, body } = wanted;
      const asked = {
        'x-forwarded-method': 'POST', 'x-forwarded-uri': `/star${query && '?'}${query}`, 'x-forwarded-host': HOST,
        'x-forwarded-for': '203.0.113.7',
      };
      const answer = await fetch(`${bursar.url}/authz/forward`, { method: 'POST', headers: { ...form(key), ...asked }, body });
      const code = answer.headers.get('bursar-refusal');
      assert.ok(answer.status === 200 || !['limit_exceeded', 'no_rule'].includes(code), `${query} ${body}: ${code}`);
      return answer.status === 200 ? wanted : undefined;
    });
  });
});
