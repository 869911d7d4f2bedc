'use strict';
// Who logs in, who does not, and what a session says about itself.

const assert = require('node:assert/strict');
const { OTP, WRONG_OTP, refusal, unusable, promise, conformance } = require('../server');

conformance('logging in', (bursar) => {
  const attempt = (more) =>
    bursar.client().authenticate({ username: bursar.username, password: bursar.password, otp: OTP, ...more });

  promise('a wrong, a short and a missing OTP are refused with needsOTP', async () => {
    for (const otp of [WRONG_OTP, '0', undefined]) {
      const refused = await refusal(attempt({ otp }));
      assert.equal(refused.status, 401);
      assert.equal(refused.needsOTP, true);
      assert.equal(refused.result.needsOTP, true);
      if (otp === WRONG_OTP) {
        assert.match(refused.message, /invalid otp/i);
        assert.equal(refused.result.name, 'InvalidOtp');
      }
    }
  });

  promise('a wrong password and an unknown user are refused alike', async () => {
    const wrong = await refusal(attempt({ password: 'not the password' }));
    const unknown = await refusal(attempt({ username: 'nobody@example.com' }));
    for (const refused of [wrong, unknown]) {
      assert.equal(refused.status, 401);
      assert.match(refused.message, /invalid_grant/);
      assert.ok(!refused.needsOTP, 'needsOTP is absent, not false');
    }
    assert.equal(wrong.message, unknown.message);
  });

  promise('an error has a text, a stable name, the id of the request and a context', async () => {
    const { body, headers } = await bursar.raw('GET', '/api/v1/user/session', { headers: { 'Request-ID': 'my-request-0001' } });
    assert.equal(typeof body.error, 'string');
    assert.equal(typeof body.name, 'string');
    assert.equal(body.requestId, 'my-request-0001');
    assert.equal(typeof body.context, 'object');
    assert.match(headers.get('content-type'), /^application\/json/);
  });

  promise('the user name is read in any case and answered in lower case', async () => {
    const session = await bursar.login({ username: bursar.username.toUpperCase() });
    assert.equal(session.user().username, bursar.username.toLowerCase());
  });

  promise('both zero codes of the test environment are taken again and again', async () => {
    for (const otp of [OTP, '0000000', OTP, '0000000']) await attempt({ otp });
  });

  promise('a forced v1 login gets a plain token', async () => {
    const answer = await attempt({ forceV1Auth: true });
    assert.match(answer.access_token, /^v2x[0-9a-f]{64}$/);
  });

  promise('the login route for plain HTTP takes the clear password, under both prefixes', async () => {
    for (const version of ['v1', 'v2']) {
      const body = JSON.stringify({ email: bursar.username, password: bursar.password, otp: OTP });
      const answer = await bursar.raw('POST', `/api/${version}/user/login`, { body });
      assert.equal(answer.status, 200);
      assert.match(answer.body.access_token, /^v2x[0-9a-f]{64}$/);
    }
  });

  promise('logging out ends the session', async () => {
    const session = await bursar.login();
    const { token } = session.toJSON();
    await session.logout();
    const refused = await refusal(bursar.clientOf(token).session());
    assert.equal(refused.status, 401);
    assert.equal(refused.invalidToken, true);
  });
});

conformance('a session', (bursar) => {
  let session;
  const loggedIn = async () => (session ??= await bursar.login());

  promise('says whose it is, what it may do and until when', async () => {
    const bitgo = await loggedIn();
    const seen = await bitgo.session();
    assert.equal(seen.client, 'bitgo');
    assert.equal(seen.user, bitgo.user().id);
    assert.ok(seen.scope.includes('user_manage'));
    assert.ok(Date.parse(seen.expires) > Date.parse(seen.created));
    assert.equal(seen.isExtensible, false);
    assert.ok(!('unlock' in seen));
    assert.ok(!('enterprise' in seen));
  });

  promise('reads its own user as me and by id', async () => {
    const bitgo = await loggedIn();
    const me = await bitgo.me();
    assert.equal(me.username, bursar.username.toLowerCase());
    assert.equal(me.isActive, true);
    assert.equal((await bitgo.getUser({ id: me.id })).id, me.id);
  });

  promise('checks a password', async () => {
    const bitgo = await loggedIn();
    assert.equal(await bitgo.verifyPassword({ password: bursar.password }), true);
    assert.equal(await bitgo.verifyPassword({ password: 'not the password' }), false);
  });

  promise('asks for an OTP to be sent and is answered', async () => {
    const bitgo = await loggedIn();
    assert.equal(typeof (await bitgo.sendOTP({ forceSMS: true })), 'object');
  });

  promise('pings with and without a login, and the signed answer passes the check of the SDK', async () => {
    for (const bitgo of [bursar.client(), await loggedIn()]) {
      const answer = await bitgo.ping();
      assert.match(answer.status, /ok/);
      assert.equal(typeof answer.environment, 'string');
    }
  });

  promise('is not had without a token', async () => {
    for (const call of ['me', 'session', 'lock', 'listAccessTokens']) {
      const refused = await refusal(bursar.client()[call]());
      assert.equal(refused.status, 401);
      assert.equal(refused.invalidToken, true);
    }
  });

  promise('is not had with a token of another server', async () => {
    const stranger = bursar.clientOf(`v2x${'0'.repeat(64)}`);
    await unusable(stranger.session(), 'token_unknown');
    await unusable(stranger.ping(), 'token_unknown');
  });

  promise('the constants are open to everyone', async () => {
    const { status, body } = await bursar.raw('GET', '/api/v1/client/constants');
    assert.equal(status, 200);
    assert.equal(typeof body.ttl, 'number');
    assert.equal(typeof body.constants, 'object');
    const bitgo = bursar.client({ clientConstants: undefined });
    assert.equal(typeof (await bitgo.fetchConstants()), 'object');
  });
});
