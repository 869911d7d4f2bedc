'use strict';
// A node that is slow, down, half-closed or confused: never two transactions for one spend, and none given back that moves.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { ethers } = require('ethers');
const { promise } = require('../../sdk-js/server');
const { ETHER, anyAddress, hex } = require('../chain');
const { mined, onChain, pause, refusedWith, spender } = require('../gateway');
const { FAULTS, Proxy } = require('../proxy');

/** What can become of a broadcast. */
const BROADCASTS = Object.keys(FAULTS).filter((fault) => fault !== 'behind');
const VALUE = 6n * ETHER / 10n;
/** A server looks every ten seconds at what nobody knows of. */
const LOOKED_WITHIN_MS = 40_000;

/** What is wrong with calls of a method that concern an address, by both. */
const faults = new Map();
const concerns = ({ method, params }) => {
  if (method === 'eth_sendRawTransaction') return ethers.Transaction.from(params[0]).from;
  return typeof params[0] === 'object' ? params[0]?.from : params[0];
};
const breaking = (method, address, fault) => faults.set(`${method} ${address.toLowerCase()}`, fault);
const mend = (method, address) => faults.delete(`${method} ${address.toLowerCase()}`);
const choose = (call) => faults.get(`${call.method} ${String(concerns(call)).toLowerCase()}`) ?? faults.get(`${call.method} *`);

const through = async (world) => {
  world.proxy = new Proxy(world.chain.url, choose);
  await world.proxy.start();
  return world.proxy.url;
};

onChain('faults', { through }, (world) => {
  // All at once: after some faults it takes until the server's next look, and they do not touch one another.
  test('a broadcast goes wrong', { concurrency: true, timeout: 120_000 }, async (t) => {
    await Promise.all(BROADCASTS.map((fault) => t.test(`${fault}: it moves once and is counted from the first moment`, (t) => broadcast(t, fault))));
  });

  async function broadcast(t, fault) {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    breaking('eth_sendRawTransaction', from, fault);
    const sending = { from, to, value: hex(VALUE) };
    const key = { 'idempotency-key': 'once' };
    const first = await gateway.send(token, sending, key);
    const again = await gateway.send(token, sending, key);
    if (first.result) assert.equal(again.result, first.result);
    refusedWith(await gateway.send(token, { from, to, value: hex(ETHER / 2n) }), 'limit_exceeded');
    const [held] = await gateway.spends(token);
    assert.notEqual(held.state, 'released');
    await pause(1_500);
    mend('eth_sendRawTransaction', from);
    const [spend, ...others] = await gateway.settled(token, LOOKED_WITHIN_MS);
    assert.deepEqual([spend.state, others], ['captured', []]);
    const hash = spend.captured.reference;
    assert.equal((await gateway.send(token, sending, key)).result, hash);
    if (again.result) assert.equal(again.result, hash, 'the hash that was told is the one that is mined');
    assert.equal(await chain.balance(to), VALUE);
    assert.equal(await chain.count(from, 'pending'), 1);
    assert.equal((await gateway.counted(token)).sum, VALUE + (await chain.feeOf(hash)));
  }

  promise('a node that fails before anything is signed leaves nothing held and no gap', async (t) => {
    const { chain, gateway } = world;
    for (const method of ['eth_estimateGas', 'eth_getTransactionCount']) {
      for (const fault of ['down', 'busy', 'garbage', 'half', 'other', 'confused']) {
        const { token, from } = await spender(world, t, ['hteth 1/day']);
        const to = anyAddress();
        breaking(method, from, fault);
        const answer = await gateway.send(token, { from, to, value: hex(VALUE) });
        assert.ok(answer.error, `${method} ${fault}: ${JSON.stringify(answer)}`);
        faults.clear();
        const spends = await gateway.settled(token, LOOKED_WITHIN_MS);
        assert.ok(spends.every(({ state }) => state === 'released'), JSON.stringify(spends));
        assert.equal((await gateway.counted(token)).sum, 0n);
        assert.equal(await chain.balance(to), 0n);
        await mined(chain, await gateway.send(token, { from, to, value: hex(VALUE) }));
        assert.equal(await chain.balance(to), VALUE);
        assert.equal(await chain.count(from, 'pending'), 1);
      }
    }
  });

  promise('while the node cannot be asked nothing is given back', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    for (const fault of ['down', 'garbage', 'confused']) {
      for (const method of ['eth_getTransactionReceipt', 'eth_blockNumber']) breaking(method, '*', fault);
      const value = ETHER / 10n;
      await gateway.send(token, { from, to, value: hex(value) });
      await pause(2_500);
      assert.ok((await gateway.spends(token))[0].state !== 'released');
      assert.ok((await gateway.counted(token)).held >= value);
      faults.clear();
      await gateway.settled(token, LOOKED_WITHIN_MS);
    }
    assert.equal(await chain.balance(to), 3n * ETHER / 10n);
    assert.equal(await chain.count(from), 3);
    for (const spend of await gateway.spends(token)) assert.equal(spend.state, 'captured');
  });

  promise('reads that fail say so, and the node never sees a credential of the client', async (t) => {
    const { gateway, proxy } = world;
    const { token, from } = await spender(world, t);
    for (const fault of ['down', 'busy', 'garbage', 'half', 'other']) {
      breaking('eth_getBalance', from, fault);
      const answer = await gateway.call(token, 'eth_getBalance', [from, 'latest']);
      assert.equal(answer.result, undefined);
      assert.equal(answer.error.data.code, 'rail_unavailable');
    }
    faults.clear();
    assert.ok(proxy.calls.length > 0);
    const seen = JSON.stringify(proxy.calls);
    assert.ok(!seen.includes(token.text) && !seen.includes('"authorization"'));
  });

  // One address of several nodes: one of them has the block and counts the nonce, another has no receipt yet.
  promise('a receipt that comes late gives nothing back', async (t) => {
    const { chain, gateway } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    breaking('eth_getTransactionReceipt', '*', 'behind');
    try {
      await gateway.send(token, { from, to, value: hex(VALUE) });
      await pause(3_000);
    } finally {
      faults.clear();
    }
    const [held] = await gateway.spends(token);
    assert.equal(held.state, 'open');
    const [spend] = await gateway.settled(token, LOOKED_WITHIN_MS);
    assert.equal(spend.state, 'captured');
    assert.equal(await chain.balance(to), VALUE);
  });
});
