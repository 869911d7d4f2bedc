'use strict';
// Signatures at the level of bytes: what the SDK never shows because it does it right.

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const { SPENDER_SCOPES, ELSEWHERE, promise, conformance } = require('../server');

const PATH = '/api/v2/user/session';

conformance('signed requests', (bursar) => {
  let session;
  const loggedIn = async () => (session ??= await bursar.login());

  /** The headers of a request signed by the SDK's own code, at a time of our choice. */
  function signed(bitgo, method, path, body = '', timestamp = Date.now()) {
    const { token } = bitgo.toJSON();
    return {
      Authorization: `Bearer ${createHash('sha256').update(token).digest('hex')}`,
      'BitGo-Auth-Version': `${bursar.authVersion}.0`,
      'Auth-Timestamp': String(timestamp),
      HMAC: bitgo.calculateRequestHMAC({ url: bursar.url + path, text: body, timestamp, token, method }),
    };
  }

  /** Whether the SDK's own code accepts the signature of this answer. */
  function isSigned(bitgo, method, path, answer) {
    return bitgo.verifyResponse({
      url: bursar.url + path,
      statusCode: answer.status,
      text: answer.text,
      timestamp: Number(answer.headers.get('timestamp')),
      token: bitgo.toJSON().token,
      hmac: answer.headers.get('hmac'),
      method,
    }).isValid;
  }

  const refused = (answer, code) => {
    assert.equal(answer.status, 401, answer.text);
    assert.equal(answer.body.context.code, code);
  };

  promise('every answer to one is signed, refusals too', async () => {
    const bitgo = await loggedIn();
    for (const [method, path, status] of [
      ['get', PATH, 200],
      ['get', '/api/v1/ping', 200],
      ['get', `/api/v2/user/accesstoken?limit=2&sort=DESC`, 200],
      ['get', '/api/v2/no/such/route', 404],
      ['get', `/api/v2/tbtc/wallet/${'f'.repeat(32)}`, 404],
    ]) {
      const answer = await bursar.raw(method.toUpperCase(), path, { headers: signed(bitgo, method, path) });
      assert.equal(answer.status, status, `${path}: ${answer.text}`);
      assert.ok(isSigned(bitgo, method, path, answer), `${path} is signed`);
    }
  });

  promise('a signature that does not fit is refused', async () => {
    const bitgo = await loggedIn();
    const wrong = { ...signed(bitgo, 'get', PATH), HMAC: '0'.repeat(64) };
    refused(await bursar.raw('GET', PATH, { headers: wrong }), 'bad_signature');
    const other = signed(bitgo, 'get', `${PATH}?a=1`);
    refused(await bursar.raw('GET', PATH, { headers: other }), 'bad_signature');
    const body = JSON.stringify({ otp: '000000', duration: 60 });
    const unlock = signed(bitgo, 'post', '/api/v2/user/unlock', body);
    refused(await bursar.raw('POST', '/api/v2/user/unlock', { headers: unlock, body: `${body} ` }), 'bad_signature');
  });

  promise('the time of a request may be five minutes old and not ahead by more than one', async () => {
    const bitgo = await loggedIn();
    const at = (offset) => bursar.raw('GET', PATH, { headers: signed(bitgo, 'get', PATH, '', Date.now() + offset) });
    for (const offset of [-290_000, 50_000]) assert.equal((await at(offset)).status, 200);
    for (const offset of [-310_000, 70_000]) refused(await at(offset), 'timestamp_out_of_window');
  });

  promise('a state change is taken once', async (t) => {
    const { bot } = await bursar.issue(t, await loggedIn(), {
      scope: SPENDER_SCOPES, spendingLimits: [{ coin: 'tbtc', txValueLimit: '1000' }],
    });
    const path = `/api/v2/tbtc/wallet/${bursar.wallet('tbtc').id}/sendcoins`;
    const body = JSON.stringify({ address: ELSEWHERE.tbtc, amount: '10' });
    const headers = signed(bot, 'post', path, body);
    assert.equal((await bursar.raw('POST', path, { headers, body })).status, 200);
    refused(await bursar.raw('POST', path, { headers, body }), 'replayed');
    assert.equal((await bot.session()).unlock.spendingLimits.tbtc.txValue, 10);
  });

  promise('a signature of one verb is not taken for another', async (t) => {
    const session = await loggedIn();
    const { created } = await bursar.issue(t, session);
    const path = `/api/v2/user/accesstoken/${created.id}`;
    const headers = signed(session, 'get', path);
    await bursar.raw('GET', path, { headers });
    assert.equal((await bursar.raw('DELETE', path, { headers })).status, 401);
    assert.ok((await session.listAccessTokens()).some(({ id }) => id === created.id));
  });

  promise('an answer is never 304', async () => {
    const bitgo = await loggedIn();
    const headers = { ...signed(bitgo, 'get', PATH), 'If-Modified-Since': 'Mon, 26 Jul 1997 05:00:00 GMT', 'If-None-Match': '*' };
    assert.equal((await bursar.raw('GET', PATH, { headers })).status, 200);
  });
});
