'use strict';
// WebSockets as people's clients open them: they read and are told of what happens, and spend nothing.

const assert = require('node:assert/strict');
const { ethers } = require('ethers');
const viem = require('viem');
const { foundry } = require('viem/chains');
const WebSocket = require('ws');
const { promise } = require('../../sdk-js/server');
const { CHAIN_ID, anyAddress, hex } = require('../chain');
const { onChain, spender, until } = require('../gateway');

/** How long a socket of a token that may no more stays open at most. */
const CLOSED_WITHIN_MS = 1_000;

/** Waits for an event of a socket, of a provider, or of what else there is. */
function once(emitter, name, within = 10_000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name} within ${within} ms`)), within);
    emitter.once(name, (...found) => {
      clearTimeout(timer);
      resolve(found);
    });
  });
}

onChain('sockets', { live: true }, (world) => {
  const place = () => `${world.gateway.url.replace('http', 'ws')}/rail/local`;

  /** A socket, opened with the token as a bearer; it ends with the test. */
  async function open(t, token) {
    const socket = new WebSocket(place(), { headers: { authorization: `Bearer ${token.text}` } });
    t.after(() => socket.terminate());
    await once(socket, 'open');
    return socket;
  }

  /** One call over a socket. */
  async function ask(socket, method, params = []) {
    const answered = once(socket, 'message');
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
    return JSON.parse((await answered)[0]);
  }

  function provider(t, token) {
    const socket = () => new WebSocket(place(), { headers: { authorization: `Bearer ${token.text}` } });
    const made = new ethers.WebSocketProvider(socket, CHAIN_ID, { staticNetwork: ethers.Network.from(CHAIN_ID) });
    t.after(() => made.destroy());
    return made;
  }

  promise('ethers reads, and is told of blocks, pending transactions and logs', async (t) => {
    const { chain, contract } = world;
    const { from, token } = await spender(world, t);
    const live = provider(t, token);
    assert.equal(await live.getBalance(from), await chain.balance(from));
    const told = { block: [], pending: [], log: [] };
    live.on('block', (number) => told.block.push(number));
    live.on('pending', (hash) => told.pending.push(hash));
    live.on({ address: contract }, (log) => told.log.push(log));
    // Until the node has been asked to tell of them, nothing that happens is told of.
    await until(async () => {
      await chain.mint(contract, from, 5n);
      return Object.values(told).every((some) => some.length > 0);
    }, 'something was not told of', 10_000);
    assert.equal(typeof told.block[0], 'number');
    assert.match(told.pending[0], /^0x[0-9a-f]{64}$/);
    assert.ok(told.log.every((log) => log.address.toLowerCase() === contract.toLowerCase()));
    assert.equal(await live.getBlockNumber(), Number(await chain.ask('eth_blockNumber')));
  });

  promise('viem watches blocks and events, with the token as the password in the URL', async (t) => {
    const { chain, contract } = world;
    const { from, token } = await spender(world, t);
    globalThis.WebSocket = WebSocket;
    const url = place().replace('ws://', `ws://anybody:${token.text}@`);
    const transport = viem.webSocket(url, { retryCount: 0, reconnect: false });
    const client = viem.createPublicClient({ transport, chain: foundry });
    const live = await client.transport.getRpcClient();
    const [heads, logs] = [[], []];
    const stops = [
      client.watchBlockNumber({ onBlockNumber: (number) => heads.push(number), onError: (error) => heads.push(error) }),
      client.watchEvent({ address: contract, onLogs: (found) => logs.push(...found), onError: (error) => logs.push(error) }),
    ];
    try {
      assert.equal(await client.getBalance({ address: from }), await chain.balance(from));
      await until(async () => {
        await chain.mint(contract, from, 5n);
        return heads.length > 0 && logs.length > 0;
      }, 'nothing was told of', 10_000);
      assert.ok(heads.every((head) => typeof head === 'bigint'), String(heads));
      assert.ok(logs.every((log) => log.address?.toLowerCase() === contract.toLowerCase()), String(logs));
    } finally {
      stops.forEach((stop) => stop());
      live.close();
    }
  });

  promise('a socket is told of its own subscriptions only, and of none that it ended', async (t) => {
    const { chain } = world;
    const { token } = await spender(world, t);
    const [one, other] = [await open(t, token), await open(t, token)];
    const name = (await ask(one, 'eth_subscribe', ['newHeads'])).result;
    const said = [];
    other.on('message', (text) => said.push(JSON.parse(text)));
    const head = once(one, 'message');
    await chain.mine();
    const told = JSON.parse((await head)[0]);
    assert.equal(told.method, 'eth_subscription');
    assert.equal(told.params.subscription, name);
    assert.match(told.params.result.number, /^0x/);
    other.send(JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'eth_unsubscribe', params: [name] }));
    await until(async () => said.length > 0, 'no answer');
    assert.equal(said[0].error.message, 'subscription not found');
    assert.equal((await ask(one, 'eth_unsubscribe', [name])).result, true);
    await chain.mine(3);
    assert.match((await ask(one, 'eth_blockNumber')).result, /^0x/, 'an answer, and no head before it');
    assert.equal(said.length, 1);
  });

  promise('nothing is spent over a socket', async (t) => {
    const { chain } = world;
    const { from, token, wallet } = await spender(world, t);
    const socket = await open(t, token);
    const to = anyAddress();
    const signed = await wallet.signer.signTransaction({
      to, value: 1n, chainId: CHAIN_ID, nonce: 0, gasLimit: 21_000, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n, type: 2,
    });
    for (const [method, params, code] of [
      ['eth_sendTransaction', [{ from, to, value: hex(1n) }], 'spend_over_socket'],
      ['eth_signTransaction', [{ from, to, value: hex(1n) }], 'spend_over_socket'],
      ['eth_sendRawTransaction', [signed], 'spend_over_socket'],
      ['anvil_setBalance', [to, '0x1'], 'method_withheld'],
      ['eth_subscribe', ['syncing'], 'method_unknown'],
    ]) {
      const answer = await ask(socket, method, params);
      assert.equal(answer.error?.data?.code, code, `${method}: ${JSON.stringify(answer)}`);
    }
    assert.equal(await chain.balance(to), 0n);
    assert.equal(await chain.count(from, 'pending'), 0);
    assert.deepEqual(await world.gateway.spends(token), []);
  });

  for (const [end, method, route, told] of [['revoked', 'DELETE', '', 'token_revoked'], ['locked', 'POST', '/lock', 'locked']]) {
    promise(`the socket of a ${end} token closes within a second`, async (t) => {
      const { chain, gateway } = world;
      const { token } = await spender(world, t);
      const socket = await open(t, token);
      assert.match((await ask(socket, 'eth_subscribe', ['newHeads'])).result, /^0x/);
      const closed = once(socket, 'close');
      await gateway.native(method, `/tokens/${token.id}${route}`);
      const since = Date.now();
      let late = 0;
      const mining = setInterval(() => chain.mine().catch(() => {}), 100);
      socket.on('message', () => { if (Date.now() - since > CLOSED_WITHIN_MS) late += 1; });
      const [code, reason] = await closed;
      clearInterval(mining);
      assert.ok(Date.now() - since < CLOSED_WITHIN_MS, `${Date.now() - since} ms`);
      assert.equal(code, 1008);
      assert.equal(String(reason), told);
      assert.equal(late, 0);
      const again = new WebSocket(place(), { headers: { authorization: `Bearer ${token.text}` } });
      // A locked token is known, so that its socket opens, and closes at once.
      const [failure, why] = await Promise.race([once(again, 'error'), once(again, 'close')]);
      assert.match(`${failure} ${why}`, end === 'revoked' ? /401/ : /1008 locked/);
    });
  }
});
