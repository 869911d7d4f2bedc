'use strict';
// Wallets whose key the node has: it signs what it is told, and whatever else it does moves nothing that was not held.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { ethers } = require('ethers');
const { promise } = require('../../sdk-js/server');
const { COIN, ETHER, anyAddress, hex } = require('../chain');
const { TOKEN_COIN, mined, onChain, pause, refusedWith, resultOf, until } = require('../gateway');
const { FAULTS, Proxy } = require('../proxy');

const SIGN = 'eth_signTransaction';
const VALUE = 6n * ETHER / 10n;
/** A server looks every ten seconds at what nobody knows of. */
const LOOKED_WITHIN_MS = 40_000;

/** What is wrong with the node's signing, by the account. */
const faults = new Map();
/** How a node alters what it is to sign, by the account. */
const lies = new Map();
const choose = ({ method, params }) => (method === SIGN ? faults.get(params[0]?.from?.toLowerCase()) : undefined);
const says = (error) => ({ asks: false, answer: (call, response) => response.writeHead(200).end(JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(call).id, error })) });
FAULTS.locked = says({ code: -32000, message: 'authentication needed: password or unlock' });
FAULTS.unable = says({ code: -32601, message: 'the method eth_signTransaction does not exist/is not available' });
FAULTS.never = { asks: true, answer: () => {} };

const through = async (world) => {
  FAULTS.lying = {
    asks: false,
    answer: async (call, response) => {
      const asked = JSON.parse(call);
      const altered = lies.get(asked.params[0].from.toLowerCase())(asked.params[0]);
      const body = JSON.stringify({ ...asked, params: [altered] });
      const answer = await fetch(world.chain.url, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
      response.writeHead(200).end(await answer.text());
    },
  };
  world.proxy = new Proxy(world.chain.url, choose);
  await world.proxy.start();
  return world.proxy.url;
};

onChain('node keys', { through }, (world) => {
  /** The accounts of the node, each for one test; the first one is the faucet. */
  let taken = 0;
  async function account() {
    taken += 1;
    const own = taken;
    return ethers.getAddress((await world.chain.ask('eth_accounts'))[own]);
  }

  async function holder(t, limits = ['hteth 1/day']) {
    const from = await account();
    const wallet = await world.gateway.nodeWallet(from, t.name.slice(0, 100));
    const token = await world.gateway.token(t, limits);
    return { from, wallet, token, nonce: await world.chain.count(from) };
  }

  promise('it signs nothing that another wallet pays', async (t) => {
    const { chain, gateway, contract } = world;
    const { from, token, nonce } = await holder(t, [`${TOKEN_COIN} 10/day`, 'hteth 1/day']);
    const { address } = await gateway.wallet('Payer');
    const data = COIN.encodeFunctionData('transferFrom', [address, anyAddress(), 0n]);
    refusedWith(await gateway.send(token, { from, to: contract, data }), 'two_wallets');
    assert.deepEqual(await gateway.spends(token), []);
    assert.equal(await chain.count(from, 'pending'), nonce);
  });

  const refusal = (adding) => adding.then(() => assert.fail('it was registered'), ({ stderr }) => stderr);

  promise('it spends within a limit and not beyond, the coin of the chain and a token', async (t) => {
    const { chain, gateway, contract } = world;
    const { from, wallet, token, nonce } = await holder(t, ['hteth 1/day', `${TOKEN_COIN} 10/day`]);
    await chain.mint(contract, from, 100_000_000n);
    const before = await chain.balance(from);
    const to = anyAddress();
    const signer = await gateway.provider(t, token).getSigner(from);
    await (await signer.sendTransaction({ to, value: VALUE })).wait();
    refusedWith(await gateway.send(token, { from, to, value: hex(ETHER / 2n) }), 'limit_exceeded');
    await mined(chain, await gateway.send(token, { from, to: contract, data: COIN.encodeFunctionData('transfer', [to, 10_000_000n]) }));
    refusedWith(await gateway.send(token, { from, to: contract, data: COIN.encodeFunctionData('transfer', [to, 1n]) }), 'limit_exceeded');
    const sendcoins = await gateway.clientOf(token.text).post(`${gateway.url}/api/v2/hteth/wallet/${wallet.id}/sendcoins`).send({ address: to, amount: '1000' }).result();
    await chain.mined(sendcoins.txid);
    const spends = await gateway.settled(token);
    assert.equal(spends.length, 3);
    assert.deepEqual([await chain.balance(to), await chain.coins(contract, to)], [VALUE + 1000n, 10_000_000n]);
    assert.equal((await gateway.counted(token)).captured, before - (await chain.balance(from)), 'what left is what counts');
    assert.equal(await chain.count(from, 'pending'), nonce + 3);
    const { call } = world.proxy.calls.find(({ call }) => call.method === SIGN && call.params[0].nonce === hex(nonce));
    assert.equal(call.params[0].from, from.toLowerCase());
  });

  promise('it is registered once, by whatever spelling, and only if the node signs for it', async (t) => {
    const { gateway } = world;
    const from = await account();
    assert.match(await refusal(gateway.nodeWallet(anyAddress())), /no account of the node/);
    assert.match(await refusal(gateway.nodeWallet('main')), /address/);
    faults.set(from.toLowerCase(), 'unable');
    assert.match(await refusal(gateway.nodeWallet(from)), /eth_signTransaction/);
    faults.set(from.toLowerCase(), 'lying');
    lies.set(from.toLowerCase(), (asked) => ({ ...asked, gas: '0x5300' }));
    assert.match(await refusal(gateway.nodeWallet(from)), /`gas`/);
    faults.delete(from.toLowerCase());
    await gateway.nodeWallet(from);
    assert.match(await refusal(gateway.nodeWallet(from.toLowerCase())), /registered already/);
    assert.equal(await world.chain.count(from, 'pending'), 0, 'nothing was sent to try it');
    // Nor is a key that is kept here one of two wallets.
    const { signer } = await gateway.wallet(t.name.slice(0, 100));
    const file = `${gateway.directory}/${signer.address}.key`;
    assert.match(await refusal(gateway.addWallet('Again', '--key-file', file)), /registered already/);
  });

  // One at a time would take minutes: after most faults it takes until the server's next look.
  test('its signature goes wrong', { concurrency: true, timeout: 150_000 }, async (t) => {
    const all = ['lost', 'garbage', 'confused', 'down', 'slow'];
    await Promise.all(all.map((fault) => t.test(`${fault}: it moves once and counts from the first moment`, async (t) => {
      const { chain, gateway } = world;
      const { from, token, nonce } = await holder(t);
      const to = anyAddress();
      faults.set(from.toLowerCase(), fault);
      const key = { 'idempotency-key': 'once' };
      const sending = { from, to, value: hex(VALUE) };
      await gateway.send(token, sending, key);
      await gateway.send(token, sending, key);
      refusedWith(await gateway.send(token, { from, to, value: hex(ETHER / 2n) }), 'limit_exceeded');
      assert.notEqual((await gateway.spends(token))[0].state, 'released');
      faults.delete(from.toLowerCase());
      const [spend, ...others] = await gateway.settled(token, LOOKED_WITHIN_MS);
      assert.deepEqual([spend.state, others], ['captured', []]);
      assert.equal(resultOf(await gateway.send(token, sending, key)), spend.captured.reference);
      assert.equal(await chain.balance(to), VALUE);
      assert.equal(await chain.count(from, 'pending'), nonce + 1);
    })));
  });

  promise('a locked account is refused in the node\'s words, and leaves no gap', async (t) => {
    const { chain, gateway } = world;
    // The node has few accounts: this one has been the first test's.
    const from = ethers.getAddress((await chain.ask('eth_accounts'))[1]);
    const token = await gateway.token(t, ['hteth 1/day']);
    const nonce = await chain.count(from);
    const to = anyAddress();
    faults.set(from.toLowerCase(), 'locked');
    const error = refusedWith(await gateway.send(token, { from, to, value: hex(VALUE) }), 'rail_refused');
    assert.match(error.message, /authentication needed/);
    faults.delete(from.toLowerCase());
    await gateway.settled(token);
    assert.equal((await gateway.counted(token)).sum, 0n);
    await mined(chain, await gateway.send(token, { from, to, value: hex(VALUE) }));
    assert.equal(await chain.balance(to), VALUE);
    assert.equal(await chain.count(from, 'pending'), nonce + 1);
  });

  promise('what a lying node signs stays held, and is broadcast by nobody', async (t) => {
    const { chain, gateway, proxy } = world;
    const { from, token, nonce } = await holder(t, ['hteth 2/day']);
    const [to, thief] = [anyAddress(), anyAddress()];
    const account = from.toLowerCase();
    faults.set(account, 'lying');
    lies.set(account, (asked) => ({ ...asked, to: thief }));
    const sends = () => proxy.calls.filter(({ call }) => call.method === 'eth_sendRawTransaction' && ethers.Transaction.from(call.params[0]).from === from).length;
    assert.equal((await gateway.send(token, { from, to, value: hex(VALUE) })).result, undefined);
    lies.set(account, (asked) => ({ ...asked, value: hex(2n * VALUE) }));
    assert.equal((await gateway.send(token, { from, to, value: hex(VALUE) })).result, undefined);
    await pause(2_000);
    for (const { state } of await gateway.spends(token)) assert.equal(state, 'unresolved');
    assert.ok((await gateway.counted(token)).held >= 2n * VALUE);
    assert.equal(sends(), 0);
    assert.equal(await chain.count(from, 'pending'), nonce);
    // Told the truth again, it signs what was held, each under its own nonce.
    faults.delete(account);
    const spends = await gateway.settled(token, LOOKED_WITHIN_MS);
    assert.deepEqual(spends.map(({ state }) => state), ['captured', 'captured']);
    assert.deepEqual([await chain.balance(to), await chain.balance(thief)], [2n * VALUE, 0n]);
    assert.equal(await chain.count(from, 'pending'), nonce + 2);
  }, 120_000);

  promise('killed between the question and its answer it signs the same once more', async (t) => {
    const { chain, gateway, proxy } = world;
    const from = ethers.getAddress((await chain.ask('eth_accounts'))[1]);
    const token = await gateway.token(t, ['hteth 1/day']);
    const nonce = await chain.count(from);
    const to = anyAddress();
    faults.set(from.toLowerCase(), 'never');
    const asked = () => proxy.calls.filter(({ call }) => call.method === SIGN && call.params[0].to === to.toLowerCase());
    const lost = gateway.send(token, { from, to, value: hex(VALUE) }).catch(() => undefined);
    await until(() => asked().length > 0, 'it is not asked to sign');
    await gateway.kill();
    await lost;
    faults.delete(from.toLowerCase());
    await gateway.start();
    const [spend] = await gateway.settled(token, LOOKED_WITHIN_MS);
    assert.equal(spend.state, 'captured');
    const [first, ...later] = asked().map(({ call }) => call.params[0]);
    assert.ok(later.length > 0);
    for (const again of later) assert.deepEqual(again, first);
    assert.equal(await chain.balance(to), VALUE);
    assert.equal(await chain.count(from, 'pending'), nonce + 1);
  }, 120_000);
});
