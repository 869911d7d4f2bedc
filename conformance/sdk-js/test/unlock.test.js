'use strict';
// Unlock and lock: what they answer, and what they let a session or a token spend.

const assert = require('node:assert/strict');
const { OTP, WRONG_OTP, send, refusal, needsUnlock, pause, promise, conformance } = require('../server');

const LIMITED = { spendingLimits: [{ coin: 'tbtc', txValueLimit: '1000' }] };

/** How long the unlock of this session lasts, in seconds. */
// To 10 ms, as BitGo's own test has it: the ledger dates an unlock when it is written, a moment after it was asked for.
const seconds = ({ unlock }) => Math.round((Date.parse(unlock.expires) - Date.parse(unlock.time)) / 10) / 100;

conformance('unlock and lock', (bursar) => {
  promise('an unlock answers its time, its end and empty counters', async () => {
    const bitgo = await bursar.login();
    const { session } = await bitgo.unlock({ otp: OTP, duration: 60 });
    assert.equal(seconds(session), 60);
    assert.equal(session.unlock.txCount, 0);
    assert.equal(session.unlock.txValue, 0);
    assert.deepEqual((await bitgo.session()).unlock, session.unlock);
  });

  promise('an unlock lasts ten minutes when nothing is said', async () => {
    const { session } = await (await bursar.login()).unlock({ otp: OTP });
    assert.equal(seconds(session), 600);
  });

  promise('an unlock shorter than the running one is refused in the words clients look for', async () => {
    const bitgo = await bursar.login();
    await bitgo.unlock({ otp: OTP, duration: 600 });
    const refused = await refusal(bitgo.unlock({ otp: OTP, duration: 30 }));
    assert.equal(refused.status, 401);
    assert.match(refused.message, /already unlocked longer/);
    await bitgo.unlock({ otp: OTP, duration: 1200 });
  });

  promise('an unlock needs the right OTP', async () => {
    const bitgo = await bursar.login();
    for (const otp of [WRONG_OTP, undefined]) {
      const refused = await refusal(bitgo.unlock({ otp, duration: 60 }));
      assert.equal(refused.status, 401);
      assert.equal(refused.needsOTP, true);
    }
    assert.ok(!('unlock' in (await bitgo.session())));
  });

  promise('a lock ends the unlock', async () => {
    const bitgo = await bursar.login();
    await bitgo.unlock({ otp: OTP });
    const { session } = await bitgo.lock();
    assert.ok(!('unlock' in session));
    assert.ok(!('unlock' in (await bitgo.session())));
  });

  promise('a session spends while it is unlocked and not otherwise', async () => {
    const bitgo = await bursar.login();
    const wallet = bursar.wallet('tbtc');
    await needsUnlock(send(bitgo, wallet, '10'), 'not_unlocked');
    await bitgo.unlock({ otp: OTP, duration: 1 });
    await send(bitgo, wallet, '10');
    await pause(1_300);
    await needsUnlock(send(bitgo, wallet, '10'), 'not_unlocked');
  });

  promise('a token without limits reads, spends only unlocked, and says so', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login());
    const wallet = bursar.wallet('tbtc');
    assert.equal((await bot.get(bot.url(`/tbtc/wallet/${wallet.id}`, 2)).result()).id, wallet.id);
    await needsUnlock(send(bot, wallet, '10'), 'no_limit');
    await bot.unlock({ otp: OTP, duration: 60 });
    await send(bot, wallet, '10');
    await bot.lock();
    await needsUnlock(send(bot, wallet, '10'), 'locked');
  });

  promise('a limited token can be unlocked at once, since its life is no unlock by OTP', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), LIMITED);
    assert.equal(seconds((await bot.unlock({ otp: OTP, duration: 30 })).session), 30);
  });

  promise('limits come back when the unlock ends, and what it let through is not counted against them', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), LIMITED);
    const wallet = bursar.wallet('tbtc');
    await send(bot, wallet, '400');
    await bot.unlock({ otp: OTP, duration: 1 });
    await send(bot, wallet, '5000');
    await pause(1_300);
    assert.equal((await bot.session()).unlock.spendingLimits.tbtc.txValue, 400);
    await send(bot, wallet, '600');
    await needsUnlock(send(bot, wallet, '1'), 'limit_exceeded');
  });

  promise('a lock outlives an unlock until the token is resumed', async (t) => {
    const { bot } = await bursar.issue(t, await bursar.login(), LIMITED);
    const wallet = bursar.wallet('tbtc');
    const { session } = await bot.lock();
    assert.ok(!('unlock' in session));
    await needsUnlock(send(bot, wallet, '10'), 'locked');
    await bot.unlock({ otp: OTP, duration: 1 });
    await send(bot, wallet, '10');
    await pause(1_300);
    await needsUnlock(send(bot, wallet, '10'), 'locked');
    await bot.post(bot.url('/user/unlock')).send({ otp: OTP, duration: 1, resume: true }).result();
    await pause(1_300);
    await send(bot, wallet, '10');
  });

  promise('both prefixes and every duration out of range', async () => {
    const bitgo = await bursar.login();
    for (const duration of [0, -1, 3601, 1.5, 'long']) {
      const refused = await refusal(bitgo.post(bitgo.url('/user/unlock', 2)).send({ otp: OTP, duration }).result());
      assert.equal(refused.status, 400, `duration ${duration}`);
      assert.equal(refused.result.context.field, 'duration');
    }
    await bitgo.post(bitgo.url('/user/unlock', 2)).send({ otp: OTP, duration: 3600 }).result();
    // A session lasts an hour, and its unlock never longer than itself.
    const left = seconds(await bitgo.session());
    assert.ok(left > 3590 && left <= 3600, `${left}`);
  });
});
