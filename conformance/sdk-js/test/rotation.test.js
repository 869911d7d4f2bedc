'use strict';
// A token with a second secret: the SDK goes on with either, on the same limits, and rotation never refills.

const assert = require('node:assert/strict');
const { OTP, send, needsUnlock, unusable, refusal, promise, conformance } = require('../server');

const OVERLAP_S = 3600;
const LIMITS = { spendingLimits: [{ coin: 'tbtc', txValueLimit: '1000' }] };

/** Asks for a new secret as a client does that knows no more of Bursar than this address. */
function rotate(bursar, session, id, more = {}) {
  return session.post(`${bursar.url}/bursar/v1/tokens/${id}/rotate`).send({ overlap: OVERLAP_S, otp: OTP, ...more }).result();
}

const spent = async (bot) => (await bot.session()).unlock.spendingLimits.tbtc.txValue;

conformance('a rotated token', (bursar) => {
  promise('spends with either secret, and its usage runs on', async (t) => {
    const session = await bursar.login();
    const { created, bot: old } = await bursar.issue(t, session, LIMITS);
    const wallet = bursar.wallet('tbtc');
    await send(old, wallet, '400');
    const rotated = await rotate(bursar, session, created.id);
    assert.equal(rotated.id, created.id);
    assert.notEqual(rotated.token, created.token);
    assert.ok(Date.parse(rotated.oldEnds) > Date.now());
    const fresh = bursar.clientOf(rotated.token);

    assert.equal(await spent(fresh), 400, 'rotation never refills');
    await send(fresh, wallet, '300');
    await send(old, wallet, '200');
    for (const bot of [old, fresh]) {
      assert.equal(await spent(bot), 900);
      assert.equal((await bot.session()).id, created.id);
      await needsUnlock(send(bot, wallet, '101'), 'limit_exceeded');
    }
    await send(fresh, wallet, '100');
    for (const bot of [old, fresh]) await needsUnlock(send(bot, wallet, '1'), 'limit_exceeded');
    assert.equal((await session.listAccessTokens()).filter(({ id }) => id === created.id).length, 1);
  });

  promise('is changed over client by client while it spends', async (t) => {
    const session = await bursar.login();
    const { created, bot: old } = await bursar.issue(t, session, LIMITS);
    const wallet = bursar.wallet('tbtc');
    const rotated = rotate(bursar, session, created.id).then(({ token }) => bursar.clientOf(token));
    // Each client spends five times, and with the new secret from a turn of its own on.
    const client = async (number) => {
      for (let turn = 0; turn < 5; turn += 1) {
        const bot = turn > number % 4 ? await rotated : old;
        await send(bot, wallet, '1', { sequenceId: `change-${created.id}-${number}-${turn}` });
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, number) => client(number)));
    const fresh = await rotated;
    assert.equal(await spent(old), 40);
    assert.equal(await spent(fresh), 40);
  });

  promise('knows a spend by its sequenceId whichever secret asks', async (t) => {
    const session = await bursar.login();
    const { created, bot: old } = await bursar.issue(t, session, LIMITS);
    const wallet = bursar.wallet('tbtc');
    const sequenceId = `one-${created.id}`;
    const first = await send(old, wallet, '70', { sequenceId });
    const fresh = bursar.clientOf((await rotate(bursar, session, created.id)).token);
    assert.equal((await send(fresh, wallet, '70', { sequenceId })).txid, first.txid);
    assert.equal(await spent(fresh), 70);
  });

  promise('is done with its old secret when there is no overlap', async (t) => {
    const session = await bursar.login();
    const { created, bot: old } = await bursar.issue(t, session, LIMITS);
    const { token } = await rotate(bursar, session, created.id, { overlap: 0 });
    await unusable(old.session(), 'token_unknown');
    assert.equal(await spent(bursar.clientOf(token)), 0);
  });

  promise('is rotated by a person with a second factor and nobody else', async (t) => {
    const session = await bursar.login();
    const { created, bot } = await bursar.issue(t, session, LIMITS);
    assert.equal((await refusal(rotate(bursar, bot, created.id))).status, 403);
    const without = await refusal(rotate(bursar, session, created.id, { otp: undefined }));
    assert.equal(without.status, 401);
    assert.equal(without.needsOTP, true);
    assert.equal(await spent(bot), 0, 'the old secret goes on');
  });
});
