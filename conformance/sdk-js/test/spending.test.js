'use strict';
// Spending within a limit, over it and beside it; keys that name a spend; many spends at once.

const assert = require('node:assert/strict');
const { OTP, WRONG_OTP, ELSEWHERE, ask, send, refusal, needsUnlock, unusable, promise, conformance } = require('../server');

const limited = (txValueLimit, coin = 'tbtc') => ({ spendingLimits: [{ coin, txValueLimit }] });
const recipient = (amount, coin = 'tbtc') => ({ address: ELSEWHERE[coin], amount });

/** The figures of a refusal, as text, whatever their JSON type. */
function figures({ result: { context } }) {
  const names = ['limit', 'spent', 'held', 'asked', 'remaining'];
  for (const name of names) assert.ok(name in context, `context.${name} is missing`);
  return Object.fromEntries(names.map((name) => [name, String(context[name])]));
}

function assertSent(answer) {
  assert.equal(typeof answer.txid, 'string');
  assert.ok(answer.txid.length > 0);
  assert.equal(typeof answer.status, 'string');
  assert.equal(typeof answer.transfer, 'object');
}

conformance('spending', (bursar) => {
  promise('sendcoins takes an amount as text or number and counts it', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), limited('1000'));
    assertSent(await send(bot, bursar.wallet('tbtc'), '400'));
    assertSent(await send(bot, bursar.wallet('tbtc'), 100));
    const limit = (await bot.session()).unlock.spendingLimits.tbtc;
    assert.equal(limit.txCount, 2);
    assert.equal(limit.txValue, 500);
    assert.equal(limit.txValueLimit, 1000);
  });

  promise('sendmany counts the sum of its recipients', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), limited('1000'));
    const wallet = bursar.wallet('tbtc');
    assertSent(await ask(bot, wallet, 'sendmany', { recipients: [recipient('300'), recipient(200)] }));
    const refused = await needsUnlock(
      ask(bot, wallet, 'sendmany', { recipients: [recipient('300'), recipient('201')] }), 'limit_exceeded');
    assert.deepEqual(figures(refused), { limit: '1000', spent: '500', held: '0', asked: '501', remaining: '500' });
  });

  promise('building needs no unlock, sending what was built does', async (t) => {
    const session = await bursar.login();
    const wallet = bursar.wallet('tbtc');
    const recipients = [recipient('250')];
    const { bot: without } = await bursar.issue(t, session);
    const built = await ask(without, wallet, 'tx/build', { recipients });
    assert.equal(typeof built.txHex, 'string');
    await needsUnlock(ask(without, wallet, 'tx/send', { txHex: built.txHex, recipients }), 'no_limit');

    const { bot } = await bursar.issue(t, session, limited('100000'));
    const own = await bot
      .post(bot.url(`/tbtc/wallet/${wallet.id}/tx/build`, 2))
      .query({ offlineVerification: '' })
      .send({ recipients })
      .result();
    assertSent(await ask(bot, wallet, 'tx/send', { txHex: own.txHex, recipients }));
  });

  promise('recipients that differ from what was built are refused', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), limited('100000'));
    const wallet = bursar.wallet('tbtc');
    const { txHex } = await ask(bot, wallet, 'tx/build', { recipients: [recipient('250')] });
    const refused = await refusal(ask(bot, wallet, 'tx/send', { txHex, recipients: [recipient('1')] }));
    assert.equal(refused.status, 400);
  });

  promise('over the limit nothing is clipped and the refusal counts everything', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), limited('1000'));
    const wallet = bursar.wallet('tbtc');
    await send(bot, wallet, '900');
    const refused = await needsUnlock(send(bot, wallet, '101'), 'limit_exceeded');
    assert.deepEqual(figures(refused), { limit: '1000', spent: '900', held: '0', asked: '101', remaining: '100' });
    await send(bot, wallet, '100');
    await needsUnlock(send(bot, wallet, '1'), 'limit_exceeded');
  });

  promise('a coin without a limit is another reason', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), limited('1000'));
    await needsUnlock(send(bot, bursar.wallet('hteth'), '1'), 'no_limit_for_coin');
  });

  promise('an account coin is spent under a limit of its own', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), limited('2000000000000000', 'hteth'));
    const wallet = bursar.wallet('hteth');
    assertSent(await send(bot, wallet, '1000000000000000'));
    await needsUnlock(send(bot, wallet, '1000000000000001'), 'limit_exceeded');
  });

  promise('an OTP with a spend lets that one pass and no other', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), limited('10'));
    const wallet = bursar.wallet('tbtc');
    const recipients = [recipient('5000')];
    const { txHex } = await ask(bot, wallet, 'tx/build', { recipients });
    const wrong = await refusal(ask(bot, wallet, 'tx/send', { txHex, recipients, otp: WRONG_OTP }));
    assert.equal(wrong.status, 401);
    assert.equal(wrong.needsOTP, true);
    assertSent(await ask(bot, wallet, 'tx/send', { txHex, recipients, otp: OTP }));
    assertSent(await send(bot, wallet, '5001', { otp: OTP }));
    await needsUnlock(send(bot, wallet, '5002'), 'limit_exceeded');
    assert.equal((await bot.session()).unlock.spendingLimits.tbtc.txValue, 0);
  });

  promise('a token reads its wallets, their addresses, keys and transfers', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), limited('1000'));
    const { id, coin } = bursar.wallet('tbtc');
    const { txid } = await send(bot, { id, coin }, '7');
    const read = (path) => bot.get(bot.url(path, 2)).result();
    const wallet = await read(`/tbtc/wallet/${id}`);
    assert.equal(wallet.id, id);
    assert.equal(wallet.keys.length, 3);
    assert.ok((await read('/tbtc/wallet')).wallets.some((listed) => listed.id === id));
    assert.ok(Array.isArray((await read(`/tbtc/wallet/${id}/addresses`)).addresses));
    const { transfers } = await read(`/tbtc/wallet/${id}/transfer`);
    assert.ok(transfers.some((transfer) => transfer.txid === txid));
    assert.equal(typeof (await read(`/tbtc/key/${wallet.keys[0]}`)).pub, 'string');
  });

  promise('after its removal a token does nothing', async (t) => {
    const session = await bursar.login();
    const { created, bot } = await bursar.issue(t, session, limited('1000'));
    await session.removeAccessToken({ id: created.id });
    const wallet = bursar.wallet('tbtc');
    for (const request of [
      () => bot.session(),
      () => send(bot, wallet, '1'),
      () => bot.unlock({ otp: OTP }),
      () => bot.get(bot.url('/tbtc/wallet', 2)).result(),
      () => bot.ping(),
    ]) await unusable(request(), 'token_revoked');
  });
});

conformance('a sequenceId', (bursar) => {
  promise('names a spend: the same again has the first outcome and counts once', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), limited('1000'));
    const wallet = bursar.wallet('tbtc');
    const sequenceId = `same-${t.name.length}-${bursar.authVersion}`;
    const first = await send(bot, wallet, '600', { sequenceId });
    const second = await send(bot, wallet, 600, { sequenceId });
    assert.equal(second.txid, first.txid);
    assert.equal((await bot.session()).unlock.spendingLimits.tbtc.txValue, 600);
  });

  promise('names one spend: another under it is a duplicate', async (t) => {
    const session = await bursar.login();
    const { bot } = await bursar.issue(t, session, limited('1000'));
    const { bot: other } = await bursar.issue(t, session, limited('1000'));
    const wallet = bursar.wallet('tbtc');
    const sequenceId = 'one-spend';
    await send(bot, wallet, '10', { sequenceId });
    for (const bitgo of [bot, other]) {
      const refused = await refusal(send(bitgo, wallet, '11', { sequenceId }));
      assert.equal(refused.status, 400);
      assert.equal(refused.result.name, 'DuplicateSequenceIdError');
    }
  });

  promise('is not used up by a refusal', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), limited('10'));
    const wallet = bursar.wallet('tbtc');
    await needsUnlock(send(bot, wallet, '11', { sequenceId: 'refused-first' }), 'limit_exceeded');
    assertSent(await send(bot, wallet, '10', { sequenceId: 'refused-first' }));
  });
});

conformance('many at once', (bursar) => {
  promise('of 400 spends of one unit against a limit of 100 exactly 100 succeed', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), limited('100'));
    const wallet = bursar.wallet('tbtc');
    // Each has a key of its own, so that no two have the same signature within one millisecond.
    const spends = Array.from({ length: 400 }, (_, n) => send(bot, wallet, '1', { sequenceId: `race-${n}` }));
    const outcomes = await Promise.allSettled(spends);
    const sent = outcomes.filter(({ status }) => status === 'fulfilled').map(({ value }) => value.txid);
    const refused = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
    for (const reason of refused) {
      assert.equal(reason.status, 401, reason.message);
      assert.equal(reason.message, 'needs unlock');
    }
    assert.equal(sent.length, 100);
    assert.equal(refused.length, 300);
    assert.equal(new Set(sent).size, 100);
    const limit = (await bot.session()).unlock.spendingLimits.tbtc;
    assert.equal(limit.txValue, 100);
    assert.equal(limit.txCount, 100);
  }, 120_000);
});
