'use strict';
// The guide's snippet: log in, create a token, spend within its limit.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const { OTP, GUIDE_SCOPES, send, needsUnlock, unusable, promise, conformance } = require('../server');

const EXAMPLE = path.join(__dirname, '..', '..', '..', 'examples', 'sdk-js');
const run = promisify(execFile);

const GUIDE = {
  otp: OTP,
  label: 'Admin Access Token',
  scope: GUIDE_SCOPES,
  spendingLimits: [{ coin: 'tbtc', txValueLimit: '1000000000' }],
};
const TEN_YEARS_S = 315_360_000;
const ID = /^[0-9a-f]{32}$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function assertGuideToken(token) {
  assert.match(token.id, ID);
  assert.match(token.user, ID);
  assert.match(token.token, /^v2x[0-9a-f]{64}$/);
  assert.equal(token.token.length, 67);
  assert.equal(token.client, 'bitgo');
  assert.equal(token.label, GUIDE.label);
  assert.deepEqual([...token.scope].sort(), GUIDE_SCOPES);
  assert.match(token.created, ISO);
  assert.match(token.expires, ISO);
  assert.equal(typeof token.origin, 'string');
  assert.equal(token.isExtensible, false);
  assert.ok(!('enterprise' in token), 'enterprise is absent unless it is set');
  assert.ok(Math.abs(Date.parse(token.expires) - Date.parse(token.created) - TEN_YEARS_S * 1000) <= 10);
}

conformance('the snippet of the guide', (bursar) => {
  promise('the ready line says where the server is, who may log in and what there is to spend', () => {
    assert.match(bursar.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(bursar.username, 'user@example.com');
    assert.equal(bursar.otp, OTP);
    assert.equal(typeof bursar.password, 'string');
    assert.equal(typeof bursar.dataDir, 'string');
    assert.equal(typeof bursar.pid, 'number');
    for (const coin of ['tbtc', 'hteth']) {
      const wallet = bursar.wallet(coin);
      assert.match(wallet.id, ID);
      assert.ok(BigInt(wallet.balance) > 0n, `${coin} is funded`);
      for (const field of ['label', 'address']) assert.equal(typeof wallet[field], 'string');
    }
  });

  promise('logging in answers the user and a session of about an hour', async () => {
    const answer = await bursar.client().authenticate({ username: bursar.username, password: bursar.password, otp: OTP });
    assert.match(answer.access_token, /^v2x[0-9a-f]{64}$/);
    assert.equal(answer.token_type, 'bearer');
    assert.equal(answer.grant_type, 'password');
    assert.ok(Array.isArray(answer.scope));
    assert.match(answer.token_id, ID);
    assert.ok(Math.abs(answer.expires_at - (Date.now() / 1000 + answer.expires_in)) < 5, 'expires_at is in seconds');
    const { user } = answer;
    assert.match(user.id, ID);
    assert.equal(user.isActive, true);
    assert.equal(user.username, bursar.username.toLowerCase());
    for (const part of ['first', 'full', 'last']) assert.equal(typeof user.name[part], 'string');
    assert.equal(user.email.email, bursar.username);
    assert.equal(typeof user.email.verified, 'boolean');
    assert.equal(typeof user.phone.phone, 'string');
    assert.equal(typeof user.phone.verified, 'boolean');
    assert.equal(typeof user.country, 'string');
  });

  promise('the token has the fields of the guide, its limit and a warning about ten years', async (t) => {
    const session = await bursar.login();
    const token = await session.addAccessToken(GUIDE);
    t.after(() => session.removeAccessToken({ id: token.id }));
    assertGuideToken(token);
    assert.equal(token.user, session.user().id);
    assert.equal(token.unlock.time, token.created);
    assert.equal(token.unlock.expires, token.expires);
    assert.equal(token.unlock.txCount, 0);
    const limit = token.unlock.spendingLimits.tbtc;
    assert.equal(limit.txCount, 0);
    assert.equal(limit.txValue, 0);
    assert.equal(limit.txValueLimit, 1_000_000_000);
    assert.equal(limit.txValueLimitString, '1000000000');
    assert.ok(Array.isArray(token.warnings));
    assert.match(JSON.stringify(token.warnings), /10 years|10-year|ten years|ten-year|rotat/i);
  });

  promise('nothing is warned about when the life is short and the spending limited', async (t) => {
    const session = await bursar.login();
    const { created } = await bursar.issue(t, session, { spendingLimits: GUIDE.spendingLimits });
    assert.deepEqual(created.warnings ?? [], []);
    assert.ok(!('ipRestrict' in created) || created.ipRestrict.length === 0);
  });

  promise('without a limit unlock is absent and a warning says that spending needs one', async (t) => {
    const { created } = await bursar.issue(t, await bursar.login());
    assert.ok(!('unlock' in created));
    assert.match(JSON.stringify(created.warnings), /unlock/i);
  });

  promise('the token reads and spends without an OTP, up to its limit and until it is removed', async () => {
    const session = await bursar.login();
    const token = await session.addAccessToken({ ...GUIDE, spendingLimits: [{ coin: 'tbtc', txValueLimit: '1000' }] });
    const bot = bursar.clientOf(token.token);
    const seen = await bot.session();
    assert.equal(seen.id, token.id);
    assert.equal(seen.client, 'bitgo');
    assert.ok(!('token' in seen), 'a token is shown once');

    const { wallets } = await bot.get(bot.url('/tbtc/wallet', 2)).result();
    const wallet = wallets.find(({ id }) => id === bursar.wallet('tbtc').id);
    assert.equal(wallet.coin, 'tbtc');

    const sent = await send(bot, wallet, '600');
    assert.equal(typeof sent.txid, 'string');
    assert.equal(typeof sent.status, 'string');
    assert.equal(typeof sent.transfer, 'object');
    await needsUnlock(send(bot, wallet, '500'), 'limit_exceeded');
    await bot.unlock({ otp: OTP, duration: 60 });
    await send(bot, wallet, '500');
    await bot.lock();
    await needsUnlock(send(bot, wallet, '1'), 'locked');
    await session.removeAccessToken({ id: token.id });
    await unusable(send(bot, wallet, '1'), 'token_revoked');
    await unusable(bot.session(), 'token_revoked');
  });
});

conformance('the examples', (bursar) => {
  const environment = () => ({
    ...process.env,
    PASS: bursar.password,
    BITGO_CUSTOM_ROOT_URI: bursar.url,
    NODE_PATH: path.join(__dirname, '..', 'node_modules'),
  });

  promise('run as they are, pointed here by the environment', async () => {
    const created = await run(process.execPath, ['create-access-token.js'], { cwd: EXAMPLE, env: environment() });
    const [token] = created.stdout.match(/v2x[0-9a-f]{64}/) ?? [];
    assert.ok(token, `no token was printed:\n${created.stdout}${created.stderr}`);
    const spent = await run(process.execPath, ['spend.js'], { cwd: EXAMPLE, env: { ...environment(), ACCESS_TOKEN: token } });
    assert.match(spent.stdout, /within the limit: sent/);
    assert.match(spent.stdout, /over the limit: needs unlock \(limit_exceeded\)/);
    assert.match(spent.stdout, /unlocked: sent/);
    assert.match(spent.stdout, /locked: needs unlock \(locked\)/);
    assert.match(spent.stdout, /removed: .+/);
  }, 180_000);
});
