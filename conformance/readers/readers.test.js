'use strict';
// Requests at random of which one pair is judged: whatever passes is that pair to every reader, and to none another.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { Bursar, OTP, ELSEWHERE } = require('../sdk-js/server');
const { random, oddForm, oddJson, RULES } = require('./odd');
const { assertAllRead, programs } = require('./with');

const FORMS = Number(process.env.BURSAR_READERS_FORMS || 1500);
const SEED = Number(process.env.BURSAR_READERS_SEED || 1);
const HOST = 'api.example.com';

/** How the bodies of both kinds are made, and are said to be. */
const KINDS = {
  form: { odd: oddForm, type: 'application/x-www-form-urlencoded' },
  json: { odd: oddJson, type: 'application/json' },
};

describe('requests that pass', { timeout: 280_000 }, () => {
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
    const rule = (kind, where, fields, amount, to) => `
[[rails.shop.rules]]
method = "POST"
path = "/${kind}/${where}"
operation = "spend"
headers = ["idempotency-key"]
body = "${kind}"
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
${Object.keys(KINDS).map((kind) => `
${rule(kind, 'star', '*', "minor(body.amount, 'usd')", 'to')}
${rule(kind, 'tip', '*', "has(body.tip) ? minor(body.tip, 'usd') : minor('1', 'usd')", 'to')}`).join('')}
${rule('form', 'tip-part', '*', "'tip[amount]' in body ? minor(body['tip[amount]'], 'usd') : minor('1', 'usd')", 'to')}
${rule('form', 'part', 'transfer[*]', "minor(body['transfer[amount]'], 'usd')", 'transfer[to]')}`);
    // The id of a wallet is known once there is one.
    const first = new Bursar(2, ['--data-dir', data]);
    await first.start();
    const wallet = first.wallet('tbtc').id;
    await first.stop();
    const asks = (kind) => `
[[authz.rules]]
operation = "spend"
host = "${HOST}"
method = "POST"
path = "/${kind}/star"
wallet = "${wallet}"
coin = "tbtc"
amount = "body.amount"
destination = "body.to"
key = "header.Idempotency-Key"
body = "${kind}"
`;
    const proxies = file('proxies.toml', `trusted_proxies = ["127.0.0.1"]\n${Object.keys(KINDS).map(asks).join('')}`);
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

  const headers = (kind, key) => ({
    'authorization': `Bearer ${token}`, 'content-type': KINDS[kind].type, 'idempotency-key': key,
  });

  async function tried(t, kind, rule, payee, pass, isRail) {
    const roll = random(SEED);
    const passed = [];
    for (let number = 0; number < FORMS; number += 1) {
      const asked = KINDS[kind].odd(roll, rule, payee);
      const sent = await pass(asked, `${t.name.replace(/\W+/g, '-')}-${number}`);
      if (sent !== undefined) passed.push({ asked, sent });
    }
    const refused = FORMS - passed.length;
    t.diagnostic(`${passed.length} passed, ${refused} refused; also read by: ${programs.join(', ') || 'none'}`);
    // Neither all nor nothing: then nothing would have been tried.
    assert.ok(passed.length > FORMS / 100 && refused > FORMS / 100);
    assertAllRead(kind, rule, payee, passed, isRail);
  }

  for (const [kind, where] of [['form', 'star'], ['form', 'tip'], ['form', 'part'], ['form', 'tip-part'], ['json', 'star'], ['json', 'tip']]) {
    test(`an http rail (${kind}, ${where}) sends on what every reader reads as it was judged`, async (t) => {
      await tried(t, kind, RULES[where], 'bob', async ({ query, body }, key) => {
        const url = `${bursar.url}/rail/shop/${kind}/${where}${query && '?'}${query}`;
        const answer = await fetch(url, { method: 'POST', headers: headers(kind, key), body });
        const told = await answer.text();
        if (answer.status === 200) return upstream.last;
        // What is too much was seen.
        const isSeen = where.startsWith('tip') || kind === 'json';
        assert.ok(answer.status < 500 && (isSeen || !told.includes('limit_exceeded')), `${query} ${body}: ${told}`);
        return undefined;
      }, true);
    });
  }

  for (const kind of Object.keys(KINDS)) {
    test(`a proxy passes what every reader reads as it was judged (${kind})`, async (t) => {
      await tried(t, kind, RULES.star, ELSEWHERE.tbtc, async (wanted, key) => {
        const { query, body } = wanted;
        const asked = {
          'x-forwarded-method': 'POST', 'x-forwarded-uri': `/${kind}/star${query && '?'}${query}`, 'x-forwarded-host': HOST,
          'x-forwarded-for': '203.0.113.7',
        };
        const answer = await fetch(`${bursar.url}/authz/forward`, { method: 'POST', headers: { ...headers(kind, key), ...asked }, body });
        const code = answer.headers.get('bursar-refusal');
        const seen = kind === 'json' ? ['no_rule'] : ['limit_exceeded', 'no_rule'];
        assert.ok(answer.status === 200 || !seen.includes(code), `${query} ${body}: ${code}`);
        return answer.status === 200 ? wanted : undefined;
      });
    });
  }
});
