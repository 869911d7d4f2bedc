'use strict';
// A spend that waits for its node longer than spends may stay open: sent, or given back, and never both.

const assert = require('node:assert/strict');
const { promise } = require('../../sdk-js/server');
const { ETHER, anyAddress, hex } = require('../chain');
const { onChain, spender, until } = require('../gateway');
const { FAULTS, Proxy } = require('../proxy');

const WAITING = 7;
const ASLEEP_MS = 13_000;
const TEST_TIMEOUT_MS = 180_000;

let asleep = false;
FAULTS.asleep = { asks: true, answer: (text, response) => setTimeout(() => response.writeHead(200).end(text), ASLEEP_MS) };
const choose = ({ method }) => (asleep && method === 'eth_getTransactionCount' ? 'asleep' : undefined);
const through = async (world) => {
  world.proxy = new Proxy(world.chain.url, choose);
  await world.proxy.start();
  return world.proxy.url;
};

onChain('deadline', { through }, (world) => {
  promise('what was given back is never sent', async (t) => {
    const { chain, gateway, proxy } = world;
    const { token, from } = await spender(world, t, ['hteth 1/day']);
    const to = anyAddress();
    // They wait one behind the other for a nonce: the last ones longer than their deadline, a minute.
    asleep = true;
    const value = ETHER / 10n;
    // Whoever asked may be gone before it is their turn.
    const sends = Array.from({ length: WAITING }, () => gateway.send(token, { from, to, value: hex(value) }).catch(() => {}));
    const nonces = () => proxy.calls.filter(({ call }) => call.method === 'eth_getTransactionCount').length;
    await until(() => nonces() >= WAITING, 'not all had their turn', TEST_TIMEOUT_MS);
    asleep = false;
    await Promise.all(sends);
    await until(async () => (await gateway.spends(token)).length === WAITING, 'not all are held');
    const spends = await gateway.settled(token, ASLEEP_MS + 30_000);
    await new Promise((resolve) => setTimeout(resolve, ASLEEP_MS + 2_000));
    const captured = spends.filter(({ state }) => state === 'captured').length;
    assert.equal(await chain.balance(to), BigInt(captured) * value, 'what moved is what counts');
    assert.equal(await chain.count(from, 'pending'), captured);
  }, TEST_TIMEOUT_MS);
});
