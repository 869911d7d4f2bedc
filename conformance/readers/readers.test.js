'use strict';
// Forms at random of which one pair is judged: whatever passes is that pair to every reader, and to none another.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
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

/** The two names that a rule reads, for each rule. */
const RULES = {
  star: ['amount', 'to'],
  part: ['transfer[amount]', 'transfer[to]'],
};

function odd(roll, names, payee) {
  const pick = (list) => list[Math.floor(roll() * list.length)];
  const other = () => {
    const letters = [...pick([...names, ...names.map((name) => name.split('[')[0])])];
    for (let left = pick([1, 1, 1, 2, 3]); left > 0; left -= 1) {
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
  const pairs = [`${written(names[0])}=1`, `${written(names[1])}=${payee}`];
  for (let left = pick([1, 1, 2, 3]); left > 0; left -= 1) {
    pairs.splice(Math.floor(roll() * (pairs.length + 1)), 0, `${written(other())}=${pick(['9000', '9000', '', '[x]=9000'])}`);
  }
  return pairs.join('&');
}

const nested = (read) => (text, name) => {
  const [base, ...parts] = name.split('[').map((part) => part.replace(']', ''));
  return parts.reduce((value, part) => value?.[part], read(text)[base]);
};
const READERS = {
  'qs': nested((text) => qs.parse(text)),
  'qs in Express': nested((text) => qs.parse(text, { allowPrototypes: true })),
  'qs with dots': nested((text) => qs.parse(text, { allowDots: true, ignoreQueryPrefix: true })),
  'qs without brackets': (text, name) => qs.parse(text, { depth: 0 })[name],
  'querystring': (text, name) => querystring.parse(text)[name],
  'URLSearchParams': (text, name) => {
    const all = new URLSearchParams(text).getAll(name);
    return all.length > 1 ? all : all[0];
  },
};

function assertRead(form, [amount, to], payee, sent) {
  for (const [reader, read] of Object.entries(READERS)) {
    assert.deepEqual([read(sent, amount), read(sent, to)], ['1', payee], `${reader} reads something else in ${form}`);
  }
}

describe('forms that pass', { timeout: 240_000 }, () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'bursar-readers-'));
  const data = path.join(directory, 'data');
  const upstream = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      upstream.last = body;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"id":"1"}');
    });
  });
  let bursar;
  let token;

  before(async () => {
    await new Promise((resolve) => { upstream.listen(0, '127.0.0.1', resolve); });
    const rule = (where, fields, [amount, to]) => `
[[rails.shop.rules]]
method = "POST"
path = "/${where}"
operation = "spend"
headers = ["idempotency-key"]
body = "form"
fields = ["${fields}"]
asset = "usd"
amount = "minor(body['${amount}'], 'usd')"
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
${rule('star', '*', RULES.star)}${rule('part', 'transfer[*]', RULES.part)}`);
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
    const limits = ['usd 1000000/day', 'tbtc 1/day'];
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

  async function tried(names, payee, pass) {
    const roll = random(SEED);
    const counted = { passed: 0, refused: 0 };
    for (let number = 0; number < FORMS; number += 1) {
      const text = odd(roll, names, payee);
      const sent = await pass(text, `${names[0]}-${number}`);
      counted[sent === undefined ? 'refused' : 'passed'] += 1;
      if (sent !== undefined) assertRead(text, names, payee, sent);
    }
    // Neither all nor nothing: then nothing would have been tried.
    assert.ok(counted.passed > FORMS / 100 && counted.refused > FORMS / 100, JSON.stringify(counted));
    return counted;
  }

  for (const [where, names] of Object.entries(RULES)) {
    test(`an http rail (${where}) sends on what every reader reads as it was judged`, async (t) => {
      const counted = await tried(names, 'bob', async (text, key) => {
        const answer = await fetch(`${bursar.url}/rail/shop/${where}`, { method: 'POST', headers: form(key), body: text });
        const told = await answer.text();
        if (answer.status === 200) return upstream.last;
        assert.ok(answer.status < 500 && !told.includes('limit_exceeded'), `${text}: ${told}`);
        return undefined;
      });
      t.diagnostic(JSON.stringify(counted));
    });
  }

  test('a proxy passes what every reader reads as it was judged', async (t) => {
    const counted = await tried(RULES.star, ELSEWHERE.tbtc, async (text, key) => {
      const asked = {
        'x-forwarded-method': 'POST', 'x-forwarded-uri': '/star', 'x-forwarded-host': HOST, 'x-forwarded-for': '203.0.113.7',
      };
      const answer = await fetch(`${bursar.url}/authz/forward`, { method: 'POST', headers: { ...form(key), ...asked }, body: text });
      const code = answer.headers.get('bursar-refusal');
      assert.ok(answer.status === 200 || !['limit_exceeded', 'no_rule'].includes(code), `${text}: ${code}`);
      return answer.status === 200 ? text : undefined;
    });
    t.diagnostic(JSON.stringify(counted));
  });
});
