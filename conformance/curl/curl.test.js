'use strict';
// The same server from the command line: a raw bearer, JSON in, JSON out, also when something is wrong.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { Bursar, OTP, WRONG_OTP, ELSEWHERE, promise, suite } = require('../sdk-js/server');

const CREATE = '/api/auth/v1/accesstoken';

/** Runs curl; its last header block and the body, whatever it made of an upload that was cut short. */
function curl(...words) {
  const command = ['--silent', '--show-error', '--max-time', '20', '--path-as-is', '--dump-header', '-', ...words];
  return new Promise((resolve, reject) => {
    execFile(process.env.CURL || 'curl', command, { maxBuffer: 16 << 20 }, (failure, stdout, stderr) => {
      let text = stdout;
      let head = '';
      while (text.startsWith('HTTP/')) {
        const end = text.indexOf('\r\n\r\n');
        [head, text] = [text.slice(0, end), text.slice(end + 4)];
      }
      const status = Number(head.split(' ')[1]);
      if (!status || status === 100) return reject(failure ?? new Error(`no answer: ${stderr}`));
      let body;
      try {
        body = JSON.parse(text);
      } catch {
        return reject(new Error(`not JSON: ${head}\n${text}`));
      }
      return resolve({ status, head: head.toLowerCase(), body });
    });
  });
}

const bearing = (token) => ['--header', `Authorization: Bearer ${token}`];
const sending = (body) => [
  '--header', 'Content-Type: application/json', '--data-binary', typeof body === 'string' ? body : JSON.stringify(body),
];

function assertError(answer, status) {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  assert.match(answer.head, /content-type: application\/json/);
  for (const field of ['error', 'name', 'requestId']) assert.equal(typeof answer.body[field], 'string', field);
  assert.equal(typeof answer.body.context, 'object');
}

suite('curl with a raw bearer', new Bursar(), (bursar) => {
  let login;
  let token;

  /** The raw token of a session. */
  const session = async () => {
    const credentials = { email: bursar.username, password: bursar.password, otp: OTP };
    login ??= (await curl(...sending(credentials), `${bursar.url}/api/v2/user/login`)).body.access_token;
    return login;
  };

  const create = async (fields = {}) => {
    const params = {
      otp: OTP, label: 'curl', duration: 3600, scope: ['wallet_view_all', 'wallet_spend_all'],
      spendingLimits: [{ coin: 'tbtc', txValueLimit: '1000' }], ...fields,
    };
    return curl(...bearing(await session()), ...sending(params), bursar.url + CREATE);
  };

  /** A token that all tests share and none spends to its end. */
  const shared = async () => (token ??= (await create()).body.token);
  const get = (bearer, path) => curl(...bearing(bearer), bursar.url + path);
  const spend = (bearer, amount, ...more) =>
    curl(...bearing(bearer), ...more, ...sending({ address: ELSEWHERE.tbtc, amount }),
      `${bursar.url}/api/v2/tbtc/wallet/${bursar.wallet('tbtc').id}/sendcoins`);

  promise('a token is made with a raw bearer, under every address of the route', async () => {
    for (const route of [CREATE, '/api/v2/user/accesstoken', '/api/v1/user/accesstoken']) {
      const params = { otp: OTP, label: 'curl', duration: 60, scope: ['wallet_view_all'] };
      const { status, body } = await curl(...bearing(await session()), ...sending(params), bursar.url + route);
      assert.equal(status, 200, route);
      assert.match(body.token, /^v2x[0-9a-f]{64}$/);
      const removed = await curl(...bearing(await session()), '--request', 'DELETE', `${bursar.url}/api/v2/user/accesstoken/${body.id}`);
      assert.equal(removed.status, 200);
      assert.equal(removed.body.id, body.id);
    }
  });

  promise('it sees its session and its wallets', async () => {
    for (const version of ['v1', 'v2']) {
      const { status, body } = await get(await shared(), `/api/${version}/user/session`);
      assert.equal(status, 200);
      assert.equal(body.session.label, 'curl');
    }
    const { body } = await get(await shared(), '/api/v2/tbtc/wallet');
    assert.ok(body.wallets.some(({ id }) => id === bursar.wallet('tbtc').id));
  });

  promise('it spends within its limit and is told why not beyond', async () => {
    const sent = await spend(await shared(), '10');
    assert.equal(sent.status, 200, JSON.stringify(sent.body));
    for (const field of ['txid', 'status', 'transfer']) assert.ok(field in sent.body);

    const refused = await spend(await shared(), '1001');
    assertError(refused, 401);
    assert.equal(refused.body.error, 'needs unlock');
    assert.equal(refused.body.name, 'NeedsUnlock');
    assert.equal(refused.body.needsOTP, true);
    assert.equal(refused.body.needsUnlock, true);
    const { code, limit, asked } = refused.body.context;
    assert.deepEqual([code, String(limit), String(asked)], ['limit_exceeded', '1000', '1001']);
    assert.doesNotMatch(refused.head, /x-auth-required/);
  });

  promise('an OTP in a header lets one spend pass', async () => {
    assertError(await spend(await shared(), '2000', '--header', `x-bitgo-otp: ${WRONG_OTP}`), 401);
    assert.equal((await spend(await shared(), '2000', '--header', `x-bitgo-otp: ${OTP}`)).status, 200);
    assertError(await spend(await shared(), '2001'), 401);
  });

  promise('what is no JSON is a 400', async () => {
    for (const body of ['{"label":', 'label=curl', '[]']) {
      assertError(await curl(...bearing(await session()), ...sending(body), bursar.url + CREATE), 400);
    }
  });

  promise('an unknown route is a 404 in JSON', async () => {
    for (const route of ['/api', '/api/v2/no/such/route', '/api/v9/user/session']) {
      assertError(await get(await shared(), route), 404);
    }
  });

  promise('a method that a route does not have is a 405 in JSON', async () => {
    const answer = await curl(...bearing(await session()), '--request', 'PATCH', `${bursar.url}/api/v1/user/session`);
    assertError(answer, 405);
    assert.match(answer.head, /\r\nallow: .*get/);
  });

  promise('a huge body is a 413, with and without asking first', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'bursar-curl-'));
    try {
      const file = path.join(directory, 'huge.json');
      writeFileSync(file, JSON.stringify({ label: 'x'.repeat(16 << 20) }));
      for (const expect of ['Expect: 100-continue', 'Expect:']) {
        const upload = ['--header', expect, '--header', 'Content-Type: application/json', '--data-binary', `@${file}`];
        assertError(await curl(...bearing(await session()), ...upload, bursar.url + CREATE), 413);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  promise('the scheme may be written in any case', async () => {
    for (const scheme of ['bearer', 'BEARER']) {
      const { status } = await curl('--header', `Authorization: ${scheme} ${await shared()}`, `${bursar.url}/api/v2/user/session`);
      assert.equal(status, 200, scheme);
    }
  });

  promise('a doubled slash in front is taken for one', async () => {
    const { status, body } = await curl(`${bursar.url}//api/v1/ping`);
    assert.equal(status, 200);
    assert.equal(typeof body.status, 'string');
  });

  promise('a token that is cut off, mistyped, absent or of nobody is told apart', async () => {
    const text = await shared();
    const place = 20;
    const mistyped = text.slice(0, place) + (text[place] === 'a' ? 'b' : 'a') + text.slice(place + 1);
    const other = new Bursar();
    await other.start();
    let stranger;
    try {
      const credentials = { email: other.username, password: other.password, otp: OTP };
      stranger = (await curl(...sending(credentials), `${other.url}/api/v2/user/login`)).body.access_token;
    } finally {
      await other.stop();
    }
    for (const [bearer, code] of [
      [text.slice(0, -5), 'token_cut_off'], [mistyped, 'token_mistyped'], [stranger, 'token_unknown'],
    ]) {
      const answer = await get(bearer, '/api/v2/user/session');
      assertError(answer, 401);
      assert.equal(answer.body.context.code, code);
      assert.match(answer.head, /x-auth-required: true/);
      assert.ok(!JSON.stringify(answer.body).includes(bearer.slice(3)), 'a refusal repeats no token');
    }
    assertError(await curl(`${bursar.url}/api/v2/user/session`), 401);
    assertError(await get('undefined', '/api/v2/user/session'), 401);
  });

  promise('HTTP/2 with prior knowledge is answered as HTTP/1.1 is', async () => {
    const version = ['--http2-prior-knowledge'];
    const own = await curl(...version, ...bearing(await shared()), `${bursar.url}/api/v2/user/session`);
    assert.equal(own.status, 200, JSON.stringify(own.body));
    assert.match(own.head, /^http\/2 200/);
    assertError(await curl(...version, `${bursar.url}/api/v2/user/session`), 401);
    const huge = path.join(mkdtempSync(path.join(tmpdir(), 'bursar-curl-')), 'huge');
    writeFileSync(huge, Buffer.alloc(8 << 20, ' '));
    const answer = await curl(...version, ...bearing(await shared()), '--data-binary', `@${huge}`, bursar.url + CREATE);
    rmSync(path.dirname(huge), { recursive: true });
    assertError(answer, 413);
    // What asks to be upgraded to it stays with HTTP/1.1.
    assert.match((await curl('--http2', `${bursar.url}/api/v1/ping`)).head, /^http\/1\.1 200/);
  });

  promise('a request may name itself', async () => {
    const answer = await curl('--header', 'Request-ID: mine-0001', `${bursar.url}/api/v2/user/session`);
    assertError(answer, 401);
    assert.equal(answer.body.requestId, 'mine-0001');
    assert.match(answer.head, /request-id: mine-0001/);
  });
});
