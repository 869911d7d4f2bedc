'use strict';
// From the hold to the receipt: what is signed counts until it is final, and what it really cost is captured.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { ethers } = require('ethers');
const { promise } = require('../../sdk-js/server');
const { CHAIN_ID, COIN, ETHER, GIGAWEI, anyAddress, hex } = require('../chain');
const { TOKEN_COIN, mined, onChain, pause, refusedWith, resultOf, spender, until } = require('../gateway');

/** Longer than the server waits between two looks at what is under way. */
const SOME_LOOKS_MS = 2_500;

onChain('settling', {}, (world) => {
  /** A test for which blocks are mined only when it says so. */
  const byHand = (sentence, body) => promise(sentence, (t) => world.chain.byHand(() => body(t)));

  const stateOf = async (token) => (await world.gateway.spends(token)).map(({ state }) => state);

  promise('value and real fee are captured, the rest is given back', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    const before = await chain.balance(from);
    const hash = await mined(chain, await gateway.send(token, { from, to, value: hex(ETHER / 2n) }));
    const [spend] = await gateway.settled(token);
    const fee = await chain.feeOf(hash);
    assert.deepEqual([spend.captured.reference, BigInt(spend.captured.fee)], [hash, fee]);
    assert.equal(BigInt(spend.captured.total), ETHER / 2n + fee);
    assert.ok(BigInt(spend.total) >= ETHER / 2n + fee);
    assert.deepEqual(await gateway.counted(token), { captured: ETHER / 2n + fee, held: 0n, sum: ETHER / 2n + fee });
    assert.equal(before - (await chain.balance(from)), ETHER / 2n + fee);
    resultOf(await gateway.send(token, { from, to, value: hex(ETHER / 4n) }));
  });

  byHand('what waits for its block is held and counted, and captured after it', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    const hash = resultOf(await gateway.send(token, { from, to, value: hex(6n * ETHER / 10n) }));
    refusedWith(await gateway.send(token, { from, to, value: hex(4n * ETHER / 10n) }), 'limit_exceeded');
    await pause(SOME_LOOKS_MS);
    assert.deepEqual(await stateOf(token), ['open']);
    assert.ok((await gateway.counted(token)).held > 6n * ETHER / 10n);
    await chain.mine();
    const [spend] = await gateway.settled(token);
    assert.equal(spend.captured.reference, hash);
    assert.equal(await chain.balance(to), 6n * ETHER / 10n);
  });

  byHand('a call that reverts in its block pays its fee and no more', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, from } = await spender(world, t, [`${TOKEN_COIN} 100/day`, 'hteth 1/day']);
    const minting = chain.mint(contract, from, 100n);
    await until(async () => (await chain.ask('txpool_status')).pending !== '0x0', 'no minting');
    await chain.mine();
    await minting;
    const to = anyAddress();
    const transfer = { from, to: contract, data: COIN.encodeFunctionData('transfer', [to, 60n]) };
    const first = resultOf(await gateway.send(token, transfer));
    // Both would go through by themselves. As the node tries with what is pending, the second may be refused at once.
    const second = await gateway.send(token, { ...transfer, gas: hex(100_000n) });
    const plain = { from, to: anyAddress(), value: hex(ETHER / 10n) };
    const third = resultOf(await gateway.send(token, plain));
    await chain.ask('anvil_setCode', plain.to, '0x60006000fd');
    await chain.mine();
    assert.equal((await chain.mined(first)).status, '0x1');
    assert.equal((await chain.mined(third)).status, '0x0');
    const spends = await gateway.settled(token);
    const reverted = spends.find(({ captured }) => captured?.reference === third);
    assert.equal(BigInt(reverted.captured.total), await chain.feeOf(third));
    if (second.result) {
      const also = spends.find(({ captured }) => captured?.reference === second.result);
      assert.equal(also.captured.amount, '0');
      assert.equal(BigInt(also.captured.fee), await chain.feeOf(second.result));
    }
    assert.equal(await chain.coins(contract, to), 60n);
    assert.equal((await gateway.counted(token)).sum, 60n);
    assert.equal(await chain.balance(plain.to), 0n);
  });

  byHand('what the node drops is broadcast again', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    const hash = resultOf(await gateway.send(token, { from, to, value: hex(6n * ETHER / 10n) }));
    assert.equal(await chain.ask('anvil_dropTransaction', hash), hash);
    refusedWith(await gateway.send(token, { from, to, value: hex(4n * ETHER / 10n) }), 'limit_exceeded');
    await until(async () => (await chain.ask('eth_getTransactionByHash', hash)) !== null, 'it does not come back');
    await chain.mine();
    const [spend] = await gateway.settled(token);
    assert.equal(spend.captured.reference, hash);
    assert.equal(await chain.balance(to), 6n * ETHER / 10n);
  });

  promise('what is only signed is spent: Bursar broadcasts it, and so may its client', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    const { raw, tx } = resultOf(await gateway.call(token, 'eth_signTransaction', [{ from, to, value: hex(6n * ETHER / 10n) }]));
    assert.equal(ethers.Transaction.from(raw).hash, tx.hash);
    refusedWith(await gateway.send(token, { from, to, value: hex(4n * ETHER / 10n) }), 'limit_exceeded');
    // Past Bursar or through it, once or twice: it moves once.
    await chain.ask('eth_sendRawTransaction', raw).catch(() => {});
    await chain.mined(tx.hash);
    await gateway.call(token, 'eth_sendRawTransaction', [raw]);
    const spends = await gateway.settled(token);
    assert.equal(spends.filter(({ captured }) => captured?.reference === tx.hash).length >= 1, true);
    assert.equal(await chain.balance(to), 6n * ETHER / 10n);
    assert.equal(await chain.count(from, 'pending'), 1);
  });

  promise('a repeat under its key gives the same hash and one transaction', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    const sending = { from, to, value: hex(ETHER / 10n) };
    const key = { 'idempotency-key': 'rent-for-may' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => gateway.send(token, sending, key)));
    const hashes = new Set(answers.map(({ result }) => result).filter(Boolean));
    assert.equal(hashes.size, 1, JSON.stringify(answers));
    const [hash] = hashes;
    assert.equal(resultOf(await gateway.send(token, sending, key)), hash);
    await gateway.settled(token);
    assert.equal(resultOf(await gateway.send(token, sending, key)), hash);
    assert.ok((await gateway.send(token, { ...sending, value: '0x1' }, key)).error);
    assert.ok((await gateway.send(token, { ...sending, to: anyAddress() }, key)).error);
    assert.equal(await chain.balance(to), ETHER / 10n);
    assert.equal(await chain.count(from, 'pending'), 1);
    assert.equal((await gateway.spends(token)).length, 1);
  });

  promise('a signed transaction that came too early is taken when its turn comes', async (t) => {
    const { chain, gateway } = world;
    const { wallet, token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    const fees = { maxFeePerGas: 2n * GIGAWEI, maxPriorityFeePerGas: 1n, gasLimit: 21_000n };
    const signed = (nonce) => wallet.signer.signTransaction({ type: 2, chainId: CHAIN_ID, nonce, to, value: 5n, ...fees });
    const early = await signed(1);
    assert.ok((await gateway.call(token, 'eth_sendRawTransaction', [early])).error, 'there is no nonce 0 yet');
    await mined(chain, await gateway.call(token, 'eth_sendRawTransaction', [await signed(0)]));
    await mined(chain, await gateway.call(token, 'eth_sendRawTransaction', [early]));
    assert.equal(await chain.balance(to), 10n);
  });

  promise('one spend that the wallet cannot afford any more does not stop the others', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 10/day']);
    await chain.fund(from, ETHER);
    const to = anyAddress();
    // Each by itself could be paid.
    const both = await Promise.all([1, 2].map(() => gateway.send(token, { from, to, value: hex(8n * ETHER / 10n) })));
    // One is signed. The other is refused, be it by the node that tries it or beside what is under way.
    assert.equal(both.filter(({ result }) => result).length, 1, JSON.stringify(both));
    const third = resultOf(await gateway.send(token, { from, to: anyAddress(), value: hex(ETHER / 100n) }));
    await chain.mined(third);
    await gateway.settled(token);
    assert.equal(await chain.balance(to), 8n * ETHER / 10n);
  });
});

onChain('finality', { confirmations: 3 }, (world) => {
  promise('a reorganised spend is not given back, and moves once', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    await chain.automine(true);
    const snapshot = await chain.ask('evm_snapshot');
    const hash = await mined(chain, await gateway.send(token, { from, to, value: hex(6n * ETHER / 10n) }));
    await chain.automine(false);
    assert.equal(await chain.ask('evm_revert', snapshot), true);
    assert.equal(await chain.balance(to), 0n);
    refusedWith(await gateway.send(token, { from, to, value: hex(4n * ETHER / 10n) }), 'limit_exceeded');
    await until(async () => (await chain.ask('eth_getTransactionByHash', hash)) !== null, 'it does not come back');
    const [held] = await gateway.spends(token);
    assert.equal(held.state, 'open');
    await chain.mine();
    assert.equal((await chain.mined(hash)).status, '0x1');
    await pause(SOME_LOOKS_MS);
    assert.equal((await gateway.spends(token))[0].state, 'open', 'one block is not final here');
    await chain.mine(2);
    const [spend] = await gateway.settled(token);
    assert.equal(spend.captured.reference, hash);
    assert.equal(await chain.balance(to), 6n * ETHER / 10n);
    await chain.automine(true);
  });

  promise('a spend whose nonce another took is given back only when that is final', async (t) => {
    const { chain, gateway } = world;
    const { wallet, token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    await chain.automine(false);
    const hash = resultOf(await gateway.send(token, { from, to, value: hex(6n * ETHER / 10n) }));
    const other = await wallet.signer.signTransaction({
      type: 2, chainId: CHAIN_ID, nonce: 0, to: from, value: 0n, gasLimit: 21_000n, maxFeePerGas: 100n * GIGAWEI, maxPriorityFeePerGas: 50n * GIGAWEI,
    });
    const replaced = await chain.ask('eth_sendRawTransaction', other);
    await chain.mine();
    assert.equal((await chain.mined(replaced)).status, '0x1');
    assert.equal(await chain.receipt(hash), null);
    await pause(SOME_LOOKS_MS);
    refusedWith(await gateway.send(token, { from, to, value: hex(5n * ETHER / 10n) }), 'limit_exceeded');
    const [held] = await gateway.spends(token);
    assert.ok(['open', 'unresolved'].includes(held.state), held.state);
    await chain.mine(2);
    const [spend] = await gateway.settled(token);
    assert.equal(spend.state, 'released');
    assert.equal((await gateway.counted(token)).sum, 0n);
    await chain.automine(true);
    await mined(chain, await gateway.send(token, { from, to, value: hex(5n * ETHER / 10n) }));
    assert.equal(await chain.balance(to), 5n * ETHER / 10n);
  });
});
