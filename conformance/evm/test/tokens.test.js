'use strict';
// Tokens on the chain: what a call moves is what its arguments say, its fee is the chain's own coin.

const assert = require('node:assert/strict');
const { promise } = require('../../sdk-js/server');
const { CHAIN_ID, COIN, ETHER, GIGAWEI, anyAddress, hex } = require('../chain');
const { OTP, TOKEN_COIN, mined, onChain, refusedWith, spender } = require('../gateway');

const MILLION = 1_000_000n;
const LIMITS = [`${TOKEN_COIN} 10/day`, 'hteth fees 0.1/day'];
const UNLIMITED = [`${TOKEN_COIN} unlimited`, 'hteth fees 0.1/day'];
/** What ethers calls `MaxUint256`. */
const MAX = 2n ** 256n - 1n;
/** As what an allowance without end is counted. */
const WITHOUT_END = 2n ** 192n - 1n;

onChain('tokens', {}, (world) => {
  /** A wallet with a hundred coins, and a token that may spend ten. */
  async function holder(t, limits = LIMITS) {
    const found = await spender(world, t, limits);
    await world.chain.mint(world.contract, found.from, 100n * MILLION);
    const call = (name, ...args) => ({ from: found.from, to: world.contract, data: COIN.encodeFunctionData(name, args) });
    const send = (name, ...args) => world.gateway.send(found.token, call(name, ...args));
    return { ...found, call, send };
  }

  async function limitOf(wallet, limits) {
    const { body } = await world.gateway.native('GET', `/wallets/${wallet.id}/limits`);
    const { status, body: answer } = await world.gateway.native('PUT', `/wallets/${wallet.id}/limits`, { version: body.version, limits, otp: OTP });
    assert.equal(status, 200, JSON.stringify(answer));
  }

  promise('a transfer within the limit moves, one above it does not', async (t) => {
    const { chain, gateway, contract } = world;
    const { send, token, from } = await holder(t);
    const to = anyAddress();
    const hash = await mined(world.chain, await send('transfer', to, 6n * MILLION));
    assert.equal((await chain.mined(hash)).status, '0x1');
    refusedWith(await send('transfer', to, 4n * MILLION + 1n), 'limit_exceeded');
    assert.equal(await chain.coins(contract, to), 6n * MILLION);
    assert.equal(await chain.coins(contract, from), 94n * MILLION);
    const [spend] = await gateway.settled(token);
    assert.deepEqual([spend.coin, spend.captured.amount], [TOKEN_COIN, String(6n * MILLION)]);
    assert.deepEqual([spend.feeCoin, BigInt(spend.captured.fee)], ['hteth', await chain.feeOf(hash)]);
    assert.equal((await gateway.counted(token, 0)).sum, 6n * MILLION);
    assert.equal((await gateway.counted(token, 1)).sum, await chain.feeOf(hash));
  });

  promise('the SDK\'s sendcoins moves the token too', async (t) => {
    const { chain, gateway, contract } = world;
    const { wallet, token } = await holder(t);
    const bitgo = gateway.clientOf(token.text);
    const to = anyAddress();
    const route = bitgo.url(`/${TOKEN_COIN}/wallet/${wallet.id}/sendcoins`, 2);
    const answer = await bitgo.post(route).send({ address: to, amount: '5000000' }).result().catch((error) => error);
    assert.match(answer.txid ?? '', /^0x/, JSON.stringify(answer.result ?? answer.message));
    assert.equal(await chain.coins(contract, to), 5n * MILLION);
  });

  promise('the fee of a token\'s transfer needs a limit of its own', async (t) => {
    const { chain, contract } = world;
    const { send } = await holder(t, [`${TOKEN_COIN} 10/day`]);
    const to = anyAddress();
    refusedWith(await send('transfer', to, 1n), 'no_limit_for_fee');
    const { send: small } = await holder(t, [`${TOKEN_COIN} 10/day`, 'hteth 1 base units/day']);
    refusedWith(await small('transfer', to, 1n), 'limit_exceeded');
    assert.equal(await chain.coins(contract, to), 0n);
  });

  promise('an allowance is spent in full, with its spender as the destination', async (t) => {
    const { chain, gateway, contract } = world;
    const { send, token, from } = await holder(t);
    const taker = anyAddress();
    await mined(world.chain, await send('approve', taker, 4n * MILLION));
    assert.equal(await chain.allowance(contract, from, taker), 4n * MILLION);
    const [spend] = await gateway.settled(token);
    assert.equal(spend.captured.amount, String(4n * MILLION));
    assert.deepEqual(spend.recipients.map(({ address }) => address.toLowerCase()), [taker.toLowerCase()]);

    // Taken back it is not given back; and each one counts anew.
    await mined(world.chain, await send('approve', taker, 0n));
    await mined(world.chain, await send('increaseAllowance', taker, 5n * MILLION));
    refusedWith(await send('approve', taker, 2n * MILLION), 'limit_exceeded');
    refusedWith(await send('transfer', anyAddress(), 2n * MILLION), 'limit_exceeded');
    assert.equal(await chain.allowance(contract, from, taker), 5n * MILLION);
    await gateway.settled(token);
    assert.equal((await gateway.counted(token)).captured, 9n * MILLION);
  });

  promise('an allowance without end is given by a token that says unlimited, and counts as all there is', async (t) => {
    const { chain, gateway, contract } = world;
    const found = await holder(t, UNLIMITED);
    const { send, token, from, wallet } = found;
    const [taker, another, third] = [anyAddress(), anyAddress(), anyAddress()];
    await mined(chain, await send('approve', taker, MAX));
    assert.equal(await chain.allowance(contract, from, taker), MAX);
    await mined(chain, await send('increaseAllowance', another, 2n ** 192n));
    assert.equal(await chain.allowance(contract, from, another), 2n ** 192n);
    const signed = await wallet.signer.signTransaction({
      type: 2, chainId: CHAIN_ID, nonce: 2, to: contract, data: COIN.encodeFunctionData('approve', [third, MAX]),
      gasLimit: 100_000n, maxFeePerGas: 100n * GIGAWEI, maxPriorityFeePerGas: GIGAWEI,
    });
    await mined(chain, await gateway.call(token, 'eth_sendRawTransaction', [signed]));
    assert.equal(await chain.allowance(contract, from, third), MAX);
    const spends = await gateway.settled(token);
    assert.deepEqual(spends.map(({ captured }) => captured.amount), Array(3).fill(String(WITHOUT_END)));
    assert.equal((await gateway.counted(token)).captured, 3n * WITHOUT_END);
    await mined(chain, await send('transfer', anyAddress(), MILLION));

    // Set back to nothing, it is not given back: a limit that comes later has no room.
    for (const spender of [taker, another, third]) await mined(chain, await send('approve', spender, 0n));
    await limitOf(wallet, [`${TOKEN_COIN} 10/day`]);
    const refused = refusedWith(await send('transfer', anyAddress(), 1n), 'limit_exceeded');
    assert.match(refused.data.detail, /^the wallet's limit of hteth:usdc has no room/);
  });

  promise('an allowance without end is refused where anything is limited, however it is written and whoever unlocks', async (t) => {
    const { chain, gateway, contract } = world;
    const taker = anyAddress();
    const all = async ({ send, from, token, call }, amount) => {
      const permit = [from, taker, amount, 2n ** 40n, 27, `0x${'11'.repeat(32)}`, `0x${'11'.repeat(32)}`];
      for (const [name, ...args] of [['approve', taker, amount], ['increaseAllowance', taker, amount], ['permit', ...permit]]) {
        const { data } = refusedWith(await send(name, ...args), 'not_unlimited');
        assert.match(data.detail, /; no unlock stands in for that; name the amount that is to be spent$/);
        refusedWith(await gateway.send(token, call(name, ...args), { 'x-bitgo-otp': OTP }), 'not_unlimited');
      }
      assert.equal(await chain.allowance(contract, from, taker), 0n);
      assert.equal(await chain.count(from, 'pending'), 0);
      assert.deepEqual(await gateway.spends(token), []);
    };
    const limited = await holder(t);
    for (const amount of [MAX, 2n ** 255n, 2n ** 192n, WITHOUT_END]) await all(limited, amount);
    await all(await holder(t, [`${TOKEN_COIN} ${MAX} base units/day`, 'hteth unlimited']), MAX);
    const unlocked = await holder(t, ['hteth unlimited']);
    const { status } = await gateway.native('POST', `/tokens/${unlocked.token.id}/unlock`, { otp: OTP, duration: 600 });
    assert.equal(status, 200);
    await all(unlocked, MAX);
    const ofLimitedWallet = await holder(t, UNLIMITED);
    await limitOf(ofLimitedWallet.wallet, [`${TOKEN_COIN} 10/day`]);
    await all(ofLimitedWallet, MAX);

    const { send } = await holder(t, UNLIMITED);
    refusedWith(await send('setApprovalForAll', taker, true), 'not_priced');
    refusedWith(await send('transfer', taker, MAX), 'not_supported');
  });

  promise('money of others is not taken, nor that of a wallet the token does not see', async (t) => {
    const { chain, gateway, contract } = world;
    const { call, token, from, wallet } = await holder(t);
    const own = await gateway.wallet('Another');
    await chain.fund(own.address);
    const to = anyAddress();
    refusedWith(await gateway.send(token, call('transferFrom', anyAddress(), to, 1n)), 'not_priced');
    const permit = (owner) => call('permit', owner, to, 1n, 2n ** 40n, 27, `0x${'11'.repeat(32)}`, `0x${'11'.repeat(32)}`);
    refusedWith(await gateway.send(token, permit(anyAddress())), 'not_priced');
    // A token that sees one of the two wallets does not see the other's money either.
    const narrow = await gateway.token(t, LIMITS, { scope: [`wallet_view:${wallet.id}`, `wallet_spend:${wallet.id}`] });
    refusedWith(await gateway.send(narrow, call('transferFrom', own.address, to, 1n)), 'not_priced');
    assert.equal(await chain.coins(contract, to), 0n);
    assert.equal(await chain.count(from, 'pending'), 0);
  });

  promise('what a wallet takes from itself counts as sent', async (t) => {
    const { chain, gateway, contract } = world;
    const { send, token, from } = await holder(t);
    const to = anyAddress();
    await mined(world.chain, await send('approve', from, 3n * MILLION));
    await mined(world.chain, await send('transferFrom', from, to, 3n * MILLION));
    refusedWith(await send('transfer', to, 4n * MILLION + 1n), 'limit_exceeded');
    assert.equal(await chain.coins(contract, to), 3n * MILLION);
    await gateway.settled(token);
    assert.equal((await gateway.counted(token)).captured, 6n * MILLION);
  });

  promise('calls that nobody has priced are refused', async (t) => {
    const { chain, gateway, contract } = world;
    const { call, token, from } = await holder(t, [`${TOKEN_COIN} 10/day`, 'hteth 10/day']);
    const to = anyAddress();
    const other = await chain.deployCoin();
    const transfer = call('transfer', to, 1n);
    for (const transaction of [
      { ...transfer, to: other },
      call('mint', from, 1n),
      { ...transfer, data: '0x12345678' },
      { from, to, data: '0x00' },
      { from, to, data: '0x12345678', value: hex(1n) },
      // More than a transfer: value, bytes behind the arguments, bits above an address, too few of them.
      { ...transfer, value: hex(1n) },
      { ...transfer, data: `${transfer.data}00` },
      { ...transfer, data: `${transfer.data}${'00'.repeat(32)}` },
      { ...transfer, data: transfer.data.slice(0, -2) },
      { ...transfer, data: `${transfer.data.slice(0, 10)}ff${transfer.data.slice(12)}` },
      { ...transfer, input: call('transfer', to, 2n).data },
    ]) {
      refusedWith(await gateway.send(token, transaction), 'not_priced', 'undecodable', 'not_supported');
    }
    assert.equal(await chain.coins(contract, to), 0n);
    assert.equal(await chain.coins(other, to), 0n);
    assert.equal(await chain.balance(to), 0n);
    assert.equal(await chain.count(from, 'pending'), 0);
    assert.deepEqual(await gateway.spends(token), []);
  });

  promise('the coin of the chain sent to the contract is that coin', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, from } = await holder(t, ['hteth 1/day']);
    // The contract takes none: the node tells so before anything is held.
    const answer = await gateway.send(token, { from, to: contract, value: hex(ETHER) });
    assert.ok(answer.error);
    assert.equal(await chain.balance(contract), 0n);
    assert.deepEqual(await gateway.spends(token), []);
  });
});
