'use strict';
// The list of tokens, its pages, removal, and tokens that may not be used: expired, elsewhere, too narrow.

const assert = require('node:assert/strict');
const { OTP, WRONG_OTP, SPENDER_SCOPES, ELSEWHERE, ask, send, refusal, unusable, pause, promise, conformance } = require('../server');

conformance('the list of tokens', (bursar) => {
  promise('names every token without its secret, where and when it was last used', async (t) => {
    const session = await bursar.login();
    const { created, bot } = await bursar.issue(t, session);
    await bot.session();
    const listed = (await session.listAccessTokens()).find(({ id }) => id === created.id);
    assert.equal(listed.label, created.label);
    assert.equal(listed.expires, created.expires);
    assert.ok(!('token' in listed));
    assert.ok(!('unlock' in listed));
    assert.ok(!('enterprise' in listed));
    const has = (pattern) => Object.keys(listed).some((field) => pattern.test(field));
    assert.ok(has(/fingerprint/i), 'a fingerprint tells tokens apart');
    assert.ok(has(/lastUsed/i), 'a token that was used says so');
    assert.ok(!JSON.stringify(listed).includes(created.token.slice(3, 40)));
  });

  promise('grows and shrinks by one', async () => {
    const session = await bursar.login();
    const before = (await session.listAccessTokens()).length;
    const { id } = await session.addAccessToken({ otp: OTP, label: 'one more', duration: 60, scope: SPENDER_SCOPES });
    assert.equal((await session.listAccessTokens()).length, before + 1);
    await session.removeAccessToken({ id });
    assert.equal((await session.listAccessTokens()).length, before);
  });

  promise('comes in pages, from either end', async (t) => {
    const session = await bursar.login();
    const ids = [];
    for (const label of ['first', 'second', 'third', 'fourth', 'fifth']) {
      ids.push((await bursar.issue(t, session, { label })).created.id);
    }
    const pages = async (sort) => {
      const seen = [];
      let prevId;
      do {
        const query = { limit: 2, sort, ...(prevId && { prevId }) };
        const page = await session.get(session.url('/user/accesstoken', 2)).query(query).result();
        assert.ok(page.accessTokens.length <= 2);
        seen.push(...page.accessTokens.map(({ id }) => id));
        prevId = page.nextBatchPrevId;
      } while (prevId);
      return seen;
    };
    assert.deepEqual(await pages('ASC'), ids);
    assert.deepEqual(await pages('DESC'), [...ids].reverse());
  });

  promise('removal by id answers the ended token', async () => {
    const session = await bursar.login();
    const { id, token } = await session.addAccessToken({ otp: OTP, label: 'by id', duration: 600, scope: SPENDER_SCOPES });
    const removed = await session.removeAccessToken({ id });
    assert.equal(removed.id, id);
    assert.ok(Date.parse(removed.expires) <= Date.now() + 1_000);
    assert.ok(!('token' in removed));
    await unusable(bursar.clientOf(token).session(), 'token_revoked');
  });

  promise('removal by label needs the label to be the only one', async (t) => {
    const session = await bursar.login();
    await bursar.issue(t, session, { label: 'twin' });
    const { id } = await session.addAccessToken({ otp: OTP, label: 'twin', duration: 600, scope: SPENDER_SCOPES });
    await assert.rejects(session.removeAccessToken({ label: 'twin' }), /ambiguous/);
    await session.removeAccessToken({ id });
    await session.removeAccessToken({ label: 'twin' });
    await assert.rejects(session.removeAccessToken({ label: 'twin' }), /does not exist/);
  });

  promise('removing what does not exist is a 404', async () => {
    const session = await bursar.login();
    const refused = await refusal(session.removeAccessToken({ id: 'f'.repeat(32) }));
    assert.equal(refused.status, 404);
  });
});

conformance('creating a token', (bursar) => {
  const params = { otp: OTP, label: 'refused', duration: 600, scope: SPENDER_SCOPES };

  promise('an unknown scope is reported before a bad OTP', async () => {
    const session = await bursar.login();
    const both = await refusal(session.addAccessToken({ ...params, scope: ['wallet_steal_all'], otp: WRONG_OTP }));
    assert.equal(both.status, 400);
    assert.match(both.message, /invalid scope/);
    assert.equal(both.result.context.field, 'scope');
    const otp = await refusal(session.addAccessToken({ ...params, otp: WRONG_OTP }));
    assert.equal(otp.status, 401);
    assert.match(otp.message, /invalid otp/i);
    assert.equal(otp.needsOTP, true);
  });

  promise('a token makes no tokens', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), { scope: ['wallet_manage_all', 'wallet_spend_all'] });
    const refused = await refusal(bot.addAccessToken(params));
    assert.equal(refused.status, 403);
  });

  promise('a limit beyond what a number holds is kept to the last unit', async (t) => {
    const wei = (2n ** 70n).toString();
    const { created, bot } = await bursar.issue(t, await bursar.login(), {
      spendingLimits: [{ coin: 'hteth', txValueLimit: wei }],
    });
    for (const token of [created, await bot.session()]) {
      const limit = token.unlock.spendingLimits.hteth;
      assert.equal(limit.txValueLimit, wei);
      assert.equal(limit.txValueLimitString, wei);
    }
  });

  promise('unlimited is said, not implied', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), { spendingLimits: [{ coin: 'tbtc', maxLimit: true }] });
    await send(bot, bursar.wallet('tbtc'), '123456');
  });

  promise('a limit of zero spends nothing', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), { spendingLimits: [{ coin: 'tbtc', txValueLimit: 0 }] });
    assert.equal((await refusal(send(bot, bursar.wallet('tbtc'), '1'))).result.context.code, 'limit_exceeded');
  });

  promise('the limit of old, a number of satoshi, comes back as it was given and holds', async (t) => {
    const { created, bot } = await bursar.issue(t, await bursar.login(), { txValueLimit: 100 });
    assert.equal(created.unlock.txValueLimit, 100);
    await send(bot, bursar.wallet('tbtc'), '100');
    assert.equal((await refusal(send(bot, bursar.wallet('tbtc'), '1'))).result.context.code, 'limit_exceeded');
  });
});

conformance('a token that may not be used', (bursar) => {
  promise('says that it has expired', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), { duration: 1 });
    await pause(1_300);
    const refused = await unusable(bot.session(), 'token_expired');
    assert.match(refused.message, /expired/i);
  });

  promise('says that it is bound to other addresses', async (t) => {
    const { created, bot } = await bursar.issue(t, await bursar.login(), { ipRestrict: ['203.0.113.7'] });
    assert.deepEqual(created.ipRestrict, ['203.0.113.7']);
    for (const request of [() => bot.session(), () => send(bot, bursar.wallet('tbtc'), '1')]) {
      const refused = await refusal(request());
      assert.equal(refused.status, 401);
      assert.match(refused.message, /IP-restricted/);
      assert.equal(refused.result.context.code, 'ip_not_allowed');
      assert.ok(!refused.invalidToken);
    }
  });

  promise('is used from an address inside its blocks', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), { ipRestrict: ['203.0.113.0/24', '127.0.0.0/24'] });
    await bot.session();
  });

  promise('names the scope it lacks', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), { scope: ['wallet_view_all'] });
    const wallet = bursar.wallet('tbtc');
    const recipients = [{ address: ELSEWHERE.tbtc, amount: '1' }];
    for (const request of [() => send(bot, wallet, '1'), () => ask(bot, wallet, 'tx/build', { recipients })]) {
      const refused = await refusal(request());
      assert.equal(refused.status, 403);
      assert.equal(refused.result.name, 'AccessDenied');
      assert.equal(refused.result.context.code, 'scope_missing');
      assert.match(String(refused.result.context.requiredScope), /^wallet_spend/);
      assert.ok(!refused.invalidToken);
    }
  });

  promise('reaches the one wallet its scope names and no other', async (t) => {
    const wallet = bursar.wallet('tbtc');
    const { bot } = await bursar.issue(t, await bursar.login(), {
      scope: [`wallet_view:${wallet.id}`, `wallet_spend:${wallet.id}`],
      spendingLimits: ['tbtc', 'hteth'].map((coin) => ({ coin, txValueLimit: '1000' })),
    });
    await send(bot, wallet, '1');
    const refused = await refusal(send(bot, bursar.wallet('hteth'), '1'));
    assert.equal(refused.status, 403);
    assert.equal(refused.result.context.code, 'scope_missing');
  });

  promise('names the first of two reasons', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), { ipRestrict: ['203.0.113.7'], scope: ['wallet_view_all'] });
    assert.equal((await refusal(send(bot, bursar.wallet('tbtc'), '1'))).result.context.code, 'ip_not_allowed');
  });
});
