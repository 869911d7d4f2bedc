'use strict';
// Clients that people have, pointed at Bursar with a token: they spend within its limit and not a unit more.

const assert = require('node:assert/strict');
const { ethers } = require('ethers');
const viem = require('viem');
const { foundry } = require('viem/chains');
const { promise } = require('../../sdk-js/server');
const { ETHER, CHAIN_ID, anyAddress, hex } = require('../chain');
const { OTP, mined, onChain, refusedWith, resultOf, spender } = require('../gateway');

onChain('clients', {}, (world) => {
  promise('ethers sends within the limit, and is told why not beyond', async (t) => {
    const { chain, gateway } = world;
    const { wallet, token } = await spender(world, t, ['hteth 1.5/day']);
    const signer = await gateway.provider(t, token).getSigner(wallet.address);
    const to = anyAddress();
    const before = await chain.balance(wallet.address);
    const sent = await signer.sendTransaction({ to, value: ETHER });
    await sent.wait();
    assert.equal(await chain.balance(to), ETHER);
    assert.equal(before - (await chain.balance(wallet.address)), ETHER + (await chain.feeOf(sent.hash)));

    const refused = await signer.sendTransaction({ to, value: ETHER }).then(() => null, (error) => error);
    assert.equal(refused?.error?.code, -32003, JSON.stringify(refused));
    assert.equal(refused.error.data.code, 'limit_exceeded');
    assert.equal(await chain.balance(to), ETHER);
    assert.equal(await chain.count(wallet.address, 'pending'), 1);
  });

  promise('viem sends within the limit, and is told why not beyond', async (t) => {
    const { chain, gateway } = world;
    const { wallet, token } = await spender(world, t, ['hteth 1.5/day']);
    const transport = viem.http(`${gateway.url}/rail/local`, {
      fetchOptions: { headers: { authorization: `Bearer ${token.text}` } }, retryCount: 0,
    });
    const client = viem.createWalletClient({ transport, chain: foundry }).extend(viem.publicActions);
    const account = (await client.getAddresses()).find((address) => address === wallet.address);
    const to = anyAddress();
    const hash = await client.sendTransaction({ account, to, value: ETHER });
    const receipt = await client.waitForTransactionReceipt({ hash, pollingInterval: 100 });
    assert.equal(receipt.status, 'success');
    assert.equal(await chain.balance(to), ETHER);

    const refused = await client.sendTransaction({ account, to, value: ETHER }).then(() => null, (error) => error);
    assert.match(String(refused), /limit/);
    assert.equal(await chain.balance(to), ETHER);
    assert.equal(await chain.count(wallet.address, 'pending'), 1);
  });

  promise('ethers hears of events though there are no filters', async (t) => {
    const { chain, gateway, contract } = world;
    const { token } = await spender(world, t);
    const provider = gateway.provider(t, token);
    const to = anyAddress();
    const heard = new Promise((resolve) => { provider.on({ address: contract }, resolve); });
    const stopped = setInterval(() => chain.mint(contract, to, 1n).catch(() => {}), 500);
    t.after(() => clearInterval(stopped));
    const log = await heard;
    assert.equal(log.address.toLowerCase(), contract.toLowerCase());
  });

  promise('the token may come as the password of whatever user', async (t) => {
    const { chain, gateway } = world;
    const { from, token } = await spender(world, t);
    const to = anyAddress();
    for (const user of ['', 'anybody']) {
      const authorization = `Basic ${Buffer.from(`${user}:${token.text}`).toString('base64')}`;
      const body = { jsonrpc: '2.0', id: 1, method: 'eth_sendTransaction', params: [{ from, to, value: hex(5n) }] };
      const answer = await gateway.raw('POST', '/rail/local', { headers: { authorization }, body: JSON.stringify(body) });
      await mined(chain, answer.body);
    }
    assert.equal(await chain.balance(to), 10n);
  });

  promise('sendcoins of the unmodified SDK moves money on the chain', async (t) => {
    const { chain, gateway } = world;
    const { wallet, token } = await spender(world, t, ['hteth 1/day']);
    const bitgo = gateway.clientOf(token.text);
    const to = anyAddress();
    const ask = (amount) => bitgo.post(bitgo.url(`/hteth/wallet/${wallet.id}/sendcoins`, 2)).send({ address: to, amount }).result();
    const sent = await ask('400000000000000000');
    assert.match(sent.txid, /^0x[0-9a-f]{64}$/);
    assert.equal((await chain.mined(sent.txid)).status, '0x1');
    assert.equal(await chain.balance(to), 4n * ETHER / 10n);
    const refused = await ask('600000000000000000').then(() => null, (error) => error);
    assert.equal(refused?.message, 'needs unlock');
    assert.equal(refused.result.context.code, 'limit_exceeded');
    assert.equal(await chain.balance(to), 4n * ETHER / 10n);
    assert.equal(await chain.count(wallet.address, 'pending'), 1);
  });

  promise('the guide\'s kind of token, made by the SDK, spends on the chain', async (t) => {
    const { chain, gateway } = world;
    const wallet = await gateway.wallet(t.name);
    await chain.fund(wallet.address);
    const session = await gateway.login();
    const { created } = await gateway.issue(t, session, { spendingLimits: [{ coin: 'hteth', txValueLimit: ETHER.toString() }] });
    const to = anyAddress();
    const hash = await mined(world.chain, await gateway.send({ text: created.token }, { from: wallet.address, to, value: hex(ETHER / 2n) }));
    assert.equal((await chain.mined(hash)).status, '0x1');
    refusedWith(await gateway.send({ text: created.token }, { from: wallet.address, to, value: hex(ETHER / 2n) }), 'limit_exceeded');
    assert.equal(await chain.balance(to), ETHER / 2n);
  });

  promise('without scope, limit, or part in the wallet nothing moves', async (t) => {
    const { chain, gateway } = world;
    const { from, token } = await spender(world, t);
    const other = await gateway.wallet('Other');
    await chain.fund(other.address);
    const to = anyAddress();
    const sending = { from, to, value: hex(1n) };

    const viewer = await gateway.token(t, ['hteth 1/day'], { scope: ['wallet_view_all'] });
    refusedWith(await gateway.send(viewer, sending), 'scope_missing');
    const without = await gateway.token(t, ['tbtc 1/day']);
    const refused = refusedWith(await gateway.send(without, sending), 'no_limit_for_coin');
    assert.equal(refused.data.needsUnlock, true);
    const scope = [`wallet_view:${other.id}`, `wallet_spend:${other.id}`];
    const elsewhere = await gateway.token(t, ['hteth 1/day'], { scope });
    const own = await gateway.call(elsewhere, 'eth_accounts');
    assert.deepEqual(resultOf(own).map((one) => one.toLowerCase()), [other.address.toLowerCase()]);
    refusedWith(await gateway.send(elsewhere, sending), 'not_supported', 'wallet_unknown');
    await mined(world.chain, await gateway.send(elsewhere, { from: other.address, to: anyAddress(), value: hex(1n) }));

    assert.equal(await chain.balance(to), 0n);
    assert.equal(await chain.count(from, 'pending'), 0);
    for (const one of [viewer, without]) assert.deepEqual(await gateway.spends(one), []);
    await mined(world.chain, await gateway.send(token, { ...sending, to: anyAddress() }));
  });

  promise('locked and revoked tokens spend nothing', async (t) => {
    const { chain, gateway } = world;
    const { from, token } = await spender(world, t);
    const to = anyAddress();
    const locked = await gateway.native('POST', `/tokens/${token.id}/lock`, {});
    assert.equal(locked.status, 200, JSON.stringify(locked.body));
    refusedWith(await gateway.send(token, { from, to, value: hex(1n) }), 'locked');
    await gateway.native('DELETE', `/tokens/${token.id}`);
    const answer = await gateway.post(token, { jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] });
    assert.equal(answer.status, 401);
    const sent = await gateway.post(token, { jsonrpc: '2.0', id: 1, method: 'eth_sendTransaction', params: [{ from, to, value: '0x1' }] });
    assert.equal(sent.status, 401);
    assert.equal(await chain.balance(to), 0n);
    assert.equal(await chain.count(from, 'pending'), 0);
  });

  promise('without a token there is no rail', async () => {
    const { gateway } = world;
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] });
    assert.equal((await gateway.raw('POST', '/rail/local', { body })).status, 401);
    assert.equal((await gateway.raw('POST', '/rail/local', { body, bearer: 'v2xnothing' })).status, 401);
  });

  promise('an unlock lets one spend without a limit pass, and the lock after it none', async (t) => {
    const { chain, gateway } = world;
    const { from, token } = await spender(world, t, ['tbtc 1/day']);
    const to = anyAddress();
    const sending = { from, to, value: hex(7n) };
    await mined(world.chain, await gateway.send(token, sending, { 'x-bitgo-otp': OTP }));
    refusedWith(await gateway.send(token, sending), 'no_limit_for_coin');
    assert.equal(await chain.balance(to), 7n);
  });

  promise('destinations that are not on the list get nothing', async (t) => {
    const { chain, gateway } = world;
    const allowed = anyAddress();
    const { from, token } = await spender(world, t, ['hteth 1/day'], {
      destinations: { allow: [{ address: allowed, coin: 'hteth' }] },
    });
    const to = anyAddress();
    await mined(world.chain, await gateway.send(token, { from, to: allowed, value: hex(3n) }));
    await mined(world.chain, await gateway.send(token, { from, to: allowed.toLowerCase(), value: hex(3n) }));
    refusedWith(await gateway.send(token, { from, to, value: hex(3n) }), 'destination_not_allowed');
    assert.equal(await chain.balance(allowed), 6n);
    assert.equal(await chain.balance(to), 0n);
  });

  promise('a token sees its wallets as accounts, and reads what the node says', async (t) => {
    const { chain, gateway } = world;
    const { from, token } = await spender(world, t);
    const mine = [`wallet_view:${(await gateway.wallet('Mine')).id}`];
    const narrow = await gateway.token(t, [], { scope: mine });
    assert.equal(resultOf(await gateway.call(narrow, 'eth_accounts')).length, 1);
    const accounts = resultOf(await gateway.call(token, 'eth_accounts'));
    assert.ok(accounts.some((one) => one.toLowerCase() === from.toLowerCase()));
    assert.ok(!accounts.some((one) => one.toLowerCase() === chain.faucet.address.toLowerCase()), 'the node\'s own accounts stay hidden');
    assert.deepEqual(resultOf(await gateway.call(token, 'eth_requestAccounts')), accounts);
    assert.equal(resultOf(await gateway.call(token, 'eth_chainId')), hex(CHAIN_ID));
    for (const [method, ...params] of [
      ['eth_getBalance', from, 'latest'], ['net_version'], ['eth_getTransactionCount', from, 'pending'],
      ['eth_getBlockByNumber', '0x0', false], ['eth_getCode', world.contract, 'latest'], ['eth_gasPrice'],
    ]) {
      assert.deepEqual(resultOf(await gateway.call(token, method, params)), await chain.ask(method, ...params), method);
    }
    const block = await gateway.provider(t, token).getBlockNumber();
    assert.equal(typeof block, 'number');
  });

  promise('what ethers signs by itself is read, counted and broadcast', async (t) => {
    const { chain, gateway } = world;
    const { wallet, token } = await spender(world, t, ['hteth 1.5/day']);
    const provider = gateway.provider(t, token);
    const to = anyAddress();
    const signer = new ethers.Wallet(wallet.signer.privateKey, provider);
    const sent = await signer.sendTransaction({ to, value: ETHER });
    await sent.wait();
    assert.equal(await chain.balance(to), ETHER);
    const refused = await signer.sendTransaction({ to, value: ETHER }).then(() => null, (error) => error);
    assert.equal(refused?.error?.data?.code, 'limit_exceeded', String(refused));
    assert.equal(await chain.balance(to), ETHER);
    const [spend] = await gateway.settled(token);
    assert.equal(spend.captured.reference, sent.hash);
  });
});
