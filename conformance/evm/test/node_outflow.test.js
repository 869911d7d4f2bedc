'use strict';
// A node that has keys can move money by itself: what left without a spend is told, and what Bursar had signed is not.

const assert = require('node:assert/strict');
const { ethers } = require('ethers');
const { promise } = require('../../sdk-js/server');
const { ETHER, anyAddress, hex } = require('../chain');
const { mined, onChain, until } = require('../gateway');

/** The server looks once a minute, and the first look only marks where it begins. */
const LOOKED_WITHIN_MS = 150_000;
const TEST_TIMEOUT_MS = 170_000;

onChain('node outflow', {}, (world) => {
  promise('what the node sends by itself raises an alarm, and what it signed for a spend does not', async (t) => {
    const { chain, gateway } = world;
    const from = ethers.getAddress((await chain.ask('eth_accounts'))[1]);
    const wallet = await gateway.nodeWallet(from);
    const token = await gateway.token(t, ['hteth 1/day']);
    const to = anyAddress();
    const ours = await mined(chain, await gateway.send(token, { from, to, value: hex(ETHER / 10n) }));
    const theirs = await chain.ask('eth_sendTransaction', { from, to: anyAddress(), value: '0x1' });
    await chain.mined(theirs);
    await mined(chain, await gateway.send(token, { from, to, value: hex(ETHER / 10n) }));
    const told = await until(async () => {
      const { status, body } = await gateway.native('GET', '/audit?action=wallet.unexplained_outflow');
      assert.equal(status, 200, JSON.stringify(body));
      const text = JSON.stringify(body);
      return text.includes(theirs) && text;
    }, 'nobody is told', LOOKED_WITHIN_MS);
    assert.ok(told.includes(wallet.id) && !told.includes(ours), told);
    const spends = await gateway.settled(token);
    assert.deepEqual(spends.map(({ state }) => state), ['captured', 'captured']);
    assert.equal(await chain.balance(to), ETHER / 5n);
  }, TEST_TIMEOUT_MS);
});
