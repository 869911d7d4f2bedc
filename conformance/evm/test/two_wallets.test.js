'use strict';
// One wallet's money, another's fee: `transferFrom` and `permit` between two wallets of ours are two holds and one transaction.

const assert = require('node:assert/strict');
const { promise } = require('../../sdk-js/server');
const { CHAIN_ID, COIN, ETHER, GIGAWEI, anyAddress, hex } = require('../chain');
const { TOKEN_COIN, mined, onChain, pause, refusedWith, resultOf, spender, until } = require('../gateway');

const LIMITS = [`${TOKEN_COIN} 1000 base units/day`, 'hteth 1/day'];
const SENDS = 60;
const KILLED_AT = [15, 35];
const ALL_WITHIN_MS = 100_000;
const TEST_TIMEOUT_MS = 170_000;

onChain('two wallets', {}, (world) => {
  /** A wallet that sends, one that pays and has allowed the first to take, and a token for both. */
  async function pair(t, limits = LIMITS, more = {}) {
    const { chain, gateway, contract } = world;
    const sender = await spender(world, t, limits, more);
    const payer = await gateway.wallet('Payer');
    await chain.fund(payer.address);
    await chain.mint(contract, payer.address, 100_000n);
    // Past Bursar: the allowance is not what these tests are about.
    const signed = await payer.signer.signTransaction({
      type: 2, chainId: CHAIN_ID, nonce: 0, to: contract, data: COIN.encodeFunctionData('approve', [sender.from, 100_000n]),
      gasLimit: 100_000n, maxFeePerGas: 100n * GIGAWEI, maxPriorityFeePerGas: GIGAWEI,
    });
    await chain.mined(await chain.ask('eth_sendRawTransaction', signed));
    const call = (name, ...args) => ({ from: sender.from, to: contract, data: COIN.encodeFunctionData(name, args) });
    const take = (to, amount, headers) => gateway.send(sender.token, call('transferFrom', payer.address, to, amount), headers);
    return { ...sender, payer, call, take };
  }

  /** The two halves of each spend of a token: that of the amount, and that of the fee. */
  const halves = (spends, payer) => [spends.filter(({ wallet }) => wallet === payer.id), spends.filter(({ wallet }) => wallet !== payer.id)];

  async function limitOf(wallet, limits) {
    const { body } = await world.gateway.native('GET', `/wallets/${wallet.id}/limits`);
    const put = { version: body.version, limits, otp: '000000' };
    const { status, body: answer } = await world.gateway.native('PUT', `/wallets/${wallet.id}/limits`, put);
    assert.equal(status, 200, JSON.stringify(answer));
  }

  /** What a wallet's first limit has counted. */
  async function countedOf(wallet) {
    const { body } = await world.gateway.native('GET', `/wallets/${wallet.id}/limits`);
    const [{ captured, held }] = body.limits;
    return { captured: BigInt(captured), held: BigInt(held) };
  }

  promise('the amount is captured of the wallet that pays, the fee of the one that sends', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, from, wallet, payer, take } = await pair(t);
    await limitOf(payer, [`${TOKEN_COIN} 500 base units/day`]);
    await limitOf(wallet, ['hteth 1/day']);
    const [to, ether, others] = [anyAddress(), await chain.balance(from), await chain.balance(payer.address)];
    const hash = await mined(chain, await take(to, 300n));
    const spends = await gateway.settled(token);
    const [[amount], [fee]] = halves(spends, payer);
    assert.equal(spends.length, 2);
    const paid = await chain.feeOf(hash);
    assert.deepEqual([amount.captured.reference, fee.captured.reference], [hash, hash]);
    assert.deepEqual([amount.captured.amount, amount.captured.fee], ['300', '0']);
    assert.deepEqual([fee.captured.amount, BigInt(fee.captured.fee)], ['0', paid]);
    assert.ok(amount.comment.includes(fee.id) && fee.comment.includes(amount.id), 'each names the other');
    assert.equal(await chain.coins(contract, to), 300n);
    assert.deepEqual([ether - (await chain.balance(from)), others - (await chain.balance(payer.address))], [paid, 0n]);
    assert.equal((await gateway.counted(token, 0)).sum, 300n);
    assert.equal((await gateway.counted(token, 1)).sum, paid);
    assert.deepEqual(await countedOf(payer), { captured: 300n, held: 0n });
    assert.deepEqual(await countedOf(wallet), { captured: paid, held: 0n });
  });

  promise('whichever limit has no room, nothing moves and nothing stays held', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, from, wallet, payer, take } = await pair(t);
    const to = anyAddress();
    const nothing = async (counted) => {
      assert.equal(await chain.coins(contract, to), 0n);
      assert.equal(await chain.count(from, 'pending'), 0);
      assert.deepEqual([(await gateway.counted(token, 0)).sum, (await gateway.counted(token, 1)).sum], [0n, 0n]);
      if (counted) assert.deepEqual(await countedOf(counted), { captured: 0n, held: 0n });
    };
    refusedWith(await take(to, 1001n), 'limit_exceeded');
    await nothing();
    await limitOf(payer, [`${TOKEN_COIN} 100 base units/day`]);
    refusedWith(await take(to, 101n), 'limit_exceeded');
    await nothing(payer);
    await limitOf(wallet, ['hteth 1 base units/day']);
    refusedWith(await take(to, 50n), 'limit_exceeded');
    await nothing(payer);
    // Held of the payer for a moment, given back, and told as that.
    const spends = await gateway.spends(token);
    assert.deepEqual(spends.map(({ state, wallet: of }) => [state, of]), [['released', payer.id]]);
    await limitOf(wallet, ['hteth 1/day']);
    await mined(chain, await take(to, 100n));
    assert.equal(await chain.coins(contract, to), 100n);
  });

  promise('a token needs the right to spend from both', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, from, wallet, payer, call } = await pair(t);
    const to = anyAddress();
    const scopes = (spends) => ({ scope: ['wallet_view_all', ...spends.map(({ id }) => `wallet_spend:${id}`)] });
    for (const one of [wallet, payer]) {
      const half = await gateway.token(t, LIMITS, scopes([one]));
      refusedWith(await gateway.send(half, call('transferFrom', payer.address, to, 5n)), 'scope_missing');
      assert.deepEqual(await gateway.spends(half), []);
    }
    assert.equal(await chain.count(from, 'pending'), 0);
    const both = await gateway.token(t, LIMITS, scopes([wallet, payer]));
    await mined(chain, await gateway.send(both, call('transferFrom', payer.address, to, 5n)));
    assert.equal(await chain.coins(contract, to), 5n);
    assert.deepEqual(await gateway.spends(token), []);
  });

  promise('asked at once and again under one key it is carried out once', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, from, payer, take } = await pair(t);
    const to = anyAddress();
    const key = { 'idempotency-key': 'rent-for-june' };
    const answers = await Promise.all(Array.from({ length: 6 }, () => take(to, 100n, key)));
    const hashes = new Set(answers.map(({ result }) => result).filter(Boolean));
    assert.equal(hashes.size, 1, JSON.stringify(answers));
    for (const { error } of answers) assert.ok(!error || error.data.code === 'outcome_pending', JSON.stringify(error));
    const [hash] = hashes;
    assert.equal(resultOf(await take(to, 100n, key)), hash);
    const spends = await gateway.settled(token);
    for (let round = 0; round < 12; round += 1) assert.equal(resultOf(await take(to, 100n, key)), hash);
    refusedWith(await take(to, 101n, key), 'idempotency_key_used');
    refusedWith(await take(anyAddress(), 100n, key), 'idempotency_key_used');
    refusedWith(await gateway.send(token, { from, to, value: '0x1' }, key), 'idempotency_key_used');
    assert.deepEqual(halves(spends, payer).map(({ length }) => length), [1, 1]);
    assert.equal((await gateway.spends(token)).filter(({ state }) => state !== 'released').length, 2);
    assert.equal(await chain.coins(contract, to), 100n);
    assert.equal(await chain.count(from, 'pending'), 1);
    assert.equal((await gateway.counted(token)).sum, 100n);
    // A name that a spend of one wallet has is no other's either, and nothing stays held for asking.
    const taken = { 'idempotency-key': 'taken' };
    await mined(chain, await gateway.send(token, { from, to, value: '0x1' }, taken));
    refusedWith(await take(to, 100n, taken), 'idempotency_key_used');
    assert.equal((await gateway.counted(token)).sum, 100n);
  });

  promise('one that its client signed is one spend, however often it comes', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, from, wallet, payer, call } = await pair(t);
    const to = anyAddress();
    const { data } = call('transferFrom', payer.address, to, 40n);
    const fees = { gasLimit: 100_000n, maxFeePerGas: 10n * GIGAWEI, maxPriorityFeePerGas: 1n };
    const raw = await wallet.signer.signTransaction({ type: 2, chainId: CHAIN_ID, nonce: 0, to: contract, data, ...fees });
    const send = (by) => gateway.call(by, 'eth_sendRawTransaction', [raw]);
    const hash = await mined(chain, await send(token));
    assert.equal(resultOf(await send(token)), hash);
    assert.equal(resultOf(await send(await gateway.token(t, LIMITS))), hash);
    const spends = await gateway.settled(token);
    assert.deepEqual(halves(spends, payer).map(({ length }) => length), [1, 1]);
    assert.equal(resultOf(await send(token)), hash);
    assert.equal(await chain.coins(contract, to), 40n);
    assert.equal(await chain.count(from), 1);
  });

  promise('reverted in its block, the amount comes back and the fee does not', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, wallet, payer, take } = await pair(t);
    const to = anyAddress();
    await chain.byHand(async () => {
      const hash = resultOf(await take(to, 100n));
      assert.equal((await gateway.counted(token)).held, 100n);
      // The money is gone before its block comes.
      const signed = await payer.signer.signTransaction({
        type: 2, chainId: CHAIN_ID, nonce: 1, to: contract, data: COIN.encodeFunctionData('approve', [wallet.address, 0n]),
        gasLimit: 100_000n, maxFeePerGas: 400n * GIGAWEI, maxPriorityFeePerGas: 100n * GIGAWEI,
      });
      await chain.ask('eth_sendRawTransaction', signed);
      await chain.mine();
      assert.equal((await chain.mined(hash)).status, '0x0');
      const [[amount], [fee]] = halves(await gateway.settled(token), payer);
      assert.deepEqual([amount.state, amount.captured.amount, amount.captured.fee], ['captured', '0', '0']);
      assert.deepEqual([fee.state, BigInt(fee.captured.fee)], ['captured', await chain.feeOf(hash)]);
      assert.equal((await gateway.counted(token, 0)).sum, 0n);
      assert.equal((await gateway.counted(token, 1)).sum, await chain.feeOf(hash));
      assert.equal(await chain.coins(contract, to), 0n);
    });
  });

  promise('sent again with higher fees, both halves of both are held, and one transaction is captured', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, payer, call, from } = await pair(t);
    const to = anyAddress();
    const again = (cap) => gateway.send(token, {
      ...call('transferFrom', payer.address, to, 100n), nonce: '0x0', maxFeePerGas: hex(cap * GIGAWEI), maxPriorityFeePerGas: hex(cap * GIGAWEI / 10n),
    });
    await chain.byHand(async () => {
      const slow = resultOf(await again(10n));
      const fast = resultOf(await again(20n));
      assert.equal((await gateway.counted(token)).held, 200n);
      await chain.mine();
      const spends = await gateway.settled(token);
      const [amounts, fees] = halves(spends, payer);
      for (const some of [amounts, fees]) {
        assert.deepEqual(some.map(({ state }) => state).sort(), ['captured', 'released']);
        assert.equal(some.find(({ captured }) => captured).captured.reference, fast);
      }
      assert.equal(await chain.receipt(slow), null);
      assert.equal((await gateway.counted(token)).sum, 100n);
      assert.equal(await chain.coins(contract, to), 100n);
      assert.equal(await chain.count(from, 'pending'), 1);
    });
  });

  promise('what the wallet that sends cannot afford is given back in both halves', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, from, payer, call } = await pair(t);
    const to = anyAddress();
    await chain.byHand(async () => {
      // The first one takes what there is, to the last unit.
      await chain.fund(from, ETHER / 2n);
      const fees = { maxFeePerGas: hex(10n * GIGAWEI), maxPriorityFeePerGas: hex(GIGAWEI) };
      const all = { from, to, value: hex(ETHER / 2n - 21_000n * 10n * GIGAWEI), gas: hex(21_000n), ...fees };
      resultOf(await gateway.send(token, all));
      const refused = await gateway.send(token, { ...call('transferFrom', payer.address, to, 100n), gas: hex(100_000n), ...fees });
      refusedWith(refused, 'rail_refused');
      const [amounts, others] = halves(await gateway.spends(token), payer);
      assert.deepEqual(amounts.map(({ state }) => state), ['released']);
      assert.deepEqual(others.map(({ state }) => state).sort(), ['open', 'released']);
      assert.equal((await gateway.counted(token, 0)).sum, 0n);
    });
    assert.equal(await chain.coins(contract, to), 0n);
  });

  promise('many at once and the server killed in between: both halves of each come to the same, and all that moved is counted', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, from, payer, take } = await pair(t, [`${TOKEN_COIN} 400 base units/day`, 'hteth 1/day']);
    const [coins, ether] = [await chain.coins(contract, payer.address), await chain.balance(from)];
    const acknowledged = new Map();
    let refused = 0;
    async function send(number) {
      const to = anyAddress();
      const end = Date.now() + ALL_WITHIN_MS;
      for (let attempt = 0; Date.now() < end;) {
        await until(() => gateway.isUp, 'the server stays away');
        const answer = await take(to, 10n, { 'idempotency-key': `take-${number}-${attempt}` }).catch(() => undefined);
        if (answer?.result) return acknowledged.set(to, answer.result);
        const code = answer?.error?.data?.code;
        if (code === 'limit_exceeded') return (refused += 1);
        if (code === 'rail_refused') attempt += 1;
        await pause(200);
      }
      throw new Error(`send ${number} has no end`);
    }
    const sends = Promise.all(Array.from({ length: SENDS }, (_, number) => send(number)));
    await gateway.killedAt(KILLED_AT, () => acknowledged.size, ALL_WITHIN_MS);
    await sends;
    const spends = await gateway.settled(token, 60_000);
    const captured = spends.filter(({ state }) => state === 'captured');
    const [amounts, fees] = halves(captured, payer).map((some) => some.map(({ captured: { reference } }) => reference).sort());
    assert.deepEqual(amounts, fees, 'one half never goes without the other');
    assert.equal(new Set(amounts).size, amounts.length);
    await until(async () => (await chain.count(from)) === (await chain.count(from, 'pending')), 'something waits');
    assert.equal(await chain.count(from), amounts.length, 'as many are mined as are captured');
    for (const [to, hash] of acknowledged) {
      assert.ok(amounts.includes(hash));
      assert.equal(await chain.coins(contract, to), 10n);
    }
    const moved = coins - (await chain.coins(contract, payer.address));
    const counted = await gateway.counted(token, 0);
    assert.deepEqual([counted.captured, counted.held], [moved, 0n]);
    assert.ok(moved <= 400n);
    assert.equal((await gateway.counted(token, 1)).sum, ether - (await chain.balance(from)));
    t.diagnostic(`${acknowledged.size} acknowledged, ${refused} refused, ${amounts.length} mined, ${spends.length - captured.length} halves given back`);
  }, TEST_TIMEOUT_MS);
});

onChain('a permit of another wallet', {}, (world) => {
  promise('costs its sender the fee and its owner the allowance', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, from } = await spender(world, t, LIMITS);
    const owner = await gateway.wallet('Owner');
    const to = anyAddress();
    // The contract here knows no permits: one that takes whatever it is told stands in for one that does.
    await chain.ask('anvil_setCode', contract, '0x00');
    const granted = (amount) => ({ from, to: contract, data: COIN.encodeFunctionData('permit', [owner.address, to, amount, 2n ** 40n, 27, `0x${'11'.repeat(32)}`, `0x${'11'.repeat(32)}`]) });
    const hash = await mined(chain, await gateway.send(token, granted(600n)));
    const spends = await gateway.settled(token);
    const allowance = spends.find(({ wallet }) => wallet === owner.id);
    const fee = spends.find(({ wallet }) => wallet !== owner.id);
    assert.equal(spends.length, 2);
    assert.deepEqual([allowance.captured.amount, allowance.captured.fee], ['600', '0']);
    assert.deepEqual(allowance.recipients.map(({ address }) => address.toLowerCase()), [to.toLowerCase()]);
    assert.deepEqual([fee.captured.amount, BigInt(fee.captured.fee)], ['0', await chain.feeOf(hash)]);
    refusedWith(await gateway.send(token, granted(401n)), 'limit_exceeded');
    refusedWith(await gateway.send(token, granted(2n ** 255n)), 'not_unlimited');
    assert.equal((await gateway.counted(token)).sum, 600n);
    assert.equal(await chain.count(from, 'pending'), 1);
    const unlimited = await gateway.token(t, [`${TOKEN_COIN} unlimited`, 'hteth 1/day']);
    await mined(chain, await gateway.send(unlimited, granted(2n ** 256n - 1n)));
    const ofOwner = (await gateway.settled(unlimited)).find(({ wallet }) => wallet === owner.id);
    assert.equal(ofOwner.captured.amount, String(2n ** 192n - 1n));
  });
});
