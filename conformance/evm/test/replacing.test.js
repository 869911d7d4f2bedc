'use strict';
// A transaction that waits is sent again with its nonce and higher fees: a spend of its own beside the first, of which one is mined.

const assert = require('node:assert/strict');
const { ethers } = require('ethers');
const { promise } = require('../../sdk-js/server');
const { COIN, ETHER, GIGAWEI, anyAddress, hex } = require('../chain');
const { TOKEN_COIN, mined, onChain, pause, refusedWith, resultOf, spender, until } = require('../gateway');

const SOME_LOOKS_MS = 2_500;
const fees = (cap, tip) => ({ maxFeePerGas: hex(BigInt(cap) * GIGAWEI), maxPriorityFeePerGas: hex(BigInt(tip) * GIGAWEI) });

onChain('replacing', {}, (world) => {
  /** Blocks are mined only when the test says so. */
  const byHand = (sentence, body) => promise(sentence, (t) => world.chain.byHand(() => body(t)));

  byHand('the dearer one is mined and captured, the first is given back, and what waited behind it moves', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const [to, behind] = [anyAddress(), anyAddress()];
    const before = await chain.balance(from);
    const asked = { from, to, value: hex(3n * ETHER / 10n), nonce: '0x0' };
    const first = resultOf(await gateway.send(token, { ...asked, ...fees(10, 1) }));
    const later = resultOf(await gateway.send(token, { from, to: behind, value: hex(ETHER / 10n) }));
    const second = resultOf(await gateway.send(token, { ...asked, ...fees(20, 2) }));
    assert.notEqual(first, second);
    await pause(SOME_LOOKS_MS);
    const held = await gateway.counted(token);
    assert.ok(held.held >= 7n * ETHER / 10n, 'both count while nobody knows which is mined');
    refusedWith(await gateway.send(token, { from, to, value: hex(4n * ETHER / 10n) }), 'limit_exceeded');
    await chain.mine();
    assert.equal((await chain.mined(second)).status, '0x1');
    assert.equal(await chain.receipt(first), null);
    assert.equal((await chain.mined(later)).status, '0x1');
    const spends = await gateway.settled(token);
    const captured = spends.filter(({ state }) => state === 'captured').map(({ captured: { reference } }) => reference);
    assert.deepEqual(captured.sort(), [later, second].sort());
    assert.equal(spends.filter(({ state }) => state === 'released').length, 1);
    assert.equal(await chain.balance(to), 3n * ETHER / 10n);
    assert.deepEqual(await gateway.counted(token), { captured: before - (await chain.balance(from)), held: 0n, sum: before - (await chain.balance(from)) });
    assert.equal(await chain.count(from, 'pending'), 2);
  });

  byHand('if the first is mined all the same, it is that which is captured', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    const before = await chain.balance(from);
    const asked = { from, to, value: hex(ETHER / 10n), nonce: '0x0' };
    const first = resultOf(await gateway.send(token, { ...asked, ...fees(10, 1) }));
    const raw = await chain.ask('eth_getRawTransactionByHash', first);
    const second = resultOf(await gateway.send(token, { ...asked, ...fees(20, 2) }));
    // The node forgets the second and is given the first again by somebody else, while Bursar is away.
    await gateway.kill();
    await chain.ask('anvil_dropTransaction', second);
    await chain.ask('eth_sendRawTransaction', raw).catch(() => {});
    await chain.mine();
    assert.equal((await chain.mined(first)).status, '0x1');
    await gateway.start();
    const spends = await gateway.settled(token);
    assert.deepEqual(spends.filter(({ state }) => state === 'captured').map(({ captured: { reference } }) => reference), [first]);
    assert.equal(spends.length, 2);
    assert.equal(await chain.balance(to), ETHER / 10n);
    assert.equal((await gateway.counted(token)).sum, before - (await chain.balance(from)));
  });

  byHand('a nonce that was given out is good for nothing else', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    const asked = { from, to, value: hex(ETHER / 10n), nonce: '0x0' };
    resultOf(await gateway.send(token, { ...asked, ...fees(10, 1) }));
    for (const other of [
      { ...asked, ...fees(10, 1) }, { ...asked, ...fees(11, 1) }, { ...asked, ...fees(10, 9) },
      { ...asked, ...fees(20, 2), value: hex(ETHER / 5n) }, { ...asked, ...fees(20, 2), value: '0x0' },
      { ...asked, ...fees(20, 2), to: from }, { ...asked, ...fees(20, 2), data: '0x12345678' },
    ]) {
      assert.ok((await gateway.send(token, other)).error, JSON.stringify(other));
    }
    const another = await gateway.token(t, ['hteth 1/day']);
    assert.ok((await gateway.send(another, { ...asked, ...fees(20, 2) })).error, 'it is no spend of this token');
    assert.equal((await gateway.counted(another)).sum, 0n);
    // Nor beyond a limit: both are held in full.
    refusedWith(await gateway.send(await narrowed(t, token), { ...asked, ...fees(20, 2) }), 'limit_exceeded');
    await chain.mine();
    await gateway.settled(token);
    assert.ok((await gateway.send(token, { ...asked, ...fees(30, 3) })).error, 'it is mined');
    assert.equal(await chain.balance(to), ETHER / 10n);
    assert.equal(await chain.count(from, 'pending'), 1);
    assert.equal((await gateway.spends(token)).filter(({ state }) => state !== 'released').length, 1);
  });

  /** The same token with room for nothing more. */
  async function narrowed(t, token) {
    const { body } = await world.gateway.native('GET', `/tokens/${token.id}/limits`);
    const put = { version: body.version, limits: ['hteth 0.15/day'] };
    const { status, body: answer } = await world.gateway.native('PUT', `/tokens/${token.id}/limits`, put);
    assert.equal(status, 200, JSON.stringify(answer));
    return token;
  }

  byHand('asked at once, one replaces and the others are refused', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 10/day']);
    const to = anyAddress();
    const asked = { from, to, value: hex(ETHER / 10n), nonce: '0x0' };
    resultOf(await gateway.send(token, { ...asked, ...fees(10, 1) }));
    const answers = await Promise.all(Array.from({ length: 5 }, () => gateway.send(token, { ...asked, ...fees(20, 2) })));
    assert.equal(answers.filter(({ result }) => result).length, 1, JSON.stringify(answers));
    await chain.mine();
    const spends = await gateway.settled(token);
    assert.equal(spends.filter(({ state }) => state === 'captured').length, 1);
    assert.equal(await chain.balance(to), ETHER / 10n);
  });

  byHand('a client of ethers speeds a transfer of tokens up', async (t) => {
    const { chain, gateway, contract } = world;
    const { token, from } = await spender(world, t, [`${TOKEN_COIN} 1000 base units/day`, 'hteth 1/day']);
    const minting = chain.mint(contract, from, 100n);
    await until(async () => (await chain.ask('txpool_status')).pending !== '0x0', 'no minting');
    await chain.mine();
    await minting;
    const to = anyAddress();
    const signer = await gateway.provider(t, token).getSigner(from);
    // More than half of what there is: beside the first the second would not seem to pass.
    const transfer = { to: contract, data: COIN.encodeFunctionData('transfer', [to, 70n]), nonce: 0, gasLimit: 100_000n };
    const slow = await signer.sendUncheckedTransaction({ ...transfer, maxFeePerGas: 10n * GIGAWEI, maxPriorityFeePerGas: GIGAWEI });
    const fast = await signer.sendUncheckedTransaction({ ...transfer, maxFeePerGas: 20n * GIGAWEI, maxPriorityFeePerGas: 2n * GIGAWEI });
    assert.notEqual(slow, fast);
    assert.ok(ethers.isHexString(fast, 32));
    await mined(chain, { result: await chain.mine().then(() => fast) });
    await gateway.settled(token);
    assert.equal(await chain.coins(contract, to), 70n);
    assert.equal((await gateway.counted(token, 0)).sum, 70n);
    assert.equal((await gateway.counted(token, 1)).sum, await chain.feeOf(fast));
  });
});
