'use strict';
// Spends on a private chain through Bursar: by calls as a node's own clients make them, and by BitGo's routes.

const assert = require('node:assert/strict');
const { promise } = require('../../sdk-js/server');
const { ELSEWHERE, ELSEWHERE_TOO, until } = require('../chain');
const { BTC, LIMIT, onChain } = require('../gateway');

onChain('wallets of a Bitcoin node', {}, (world) => {
  const { chain, add, issue, issued, call, done, refusal, sendcoins, spends, settled, restart } = world;
  const money = 'treasury';

  promise('a wallet is registered by its name in the node, once, and none that the node does not have', async () => {
    await assert.rejects(add('treasury'), /registered already/);
    await assert.rejects(add('primary', 'hteth'), /chain's own, `tbtc`/);
    for (const name of ['nobody', '..', 'treasury/../primary', '']) await assert.rejects(add(name), name);
    const { body } = await world.raw('GET', `/api/v2/tbtc/wallet/${world.walletId}`);
    assert.equal(body.balanceString, `${1000n * BTC}`);
  });

  promise('a spend within the limit moves what is held, to the satoshi', async () => {
    const token = await issued();
    const [mine, theirs] = [await chain.worth(money), await chain.paid(ELSEWHERE)];
    const txid = await done(token.token, 'sendtoaddress', [ELSEWHERE, 0.12345678]);
    assert.match(txid, /^[0-9a-f]{64}$/);
    await until(() => chain.waits(txid), 'the node has the transaction');
    await chain.mine(2);
    const spend = await settled(token);
    assert.equal(await chain.paid(ELSEWHERE) - theirs, 12_345_678n);
    assert.equal(mine - await chain.worth(money), BigInt(spend.captured.total), JSON.stringify(spend));
    assert.equal(spend.captured.total, spend.total, 'what is held is known to the satoshi');
    assert.equal(spend.captured.reference, txid);
  });

  promise('`sendcoins` spends from the same wallet', async () => {
    const token = await issued();
    const theirs = await chain.paid(ELSEWHERE);
    const sent = await sendcoins(token.token, { address: ELSEWHERE, amount: '50000' });
    assert.equal(sent.status, 200, sent.text);
    await until(() => chain.waits(sent.body.txid), 'the node has the transaction');
    const { body: shown } = await world.raw('GET', `/api/v2/tbtc/wallet/${world.walletId}/transfer/${sent.body.transfer.id}`);
    assert.deepEqual([shown.state, shown.txid], ['signed', sent.body.txid], 'its txid is there before it is final');
    const ask = () => world.raw('POST', `/bursar/v1/spends/${sent.body.transfer.id}/reconcile`);
    const early = (await ask()).body;
    assert.deepEqual([early.showed, early.reference, early.spend.state], ['under_way', sent.body.txid, 'open']);
    await chain.mine(2);
    await until(async () => (await ask()).body.spend.state === 'captured', 'who asks settles it');
    assert.equal((await settled(token)).state, 'captured');
    assert.equal(await chain.paid(ELSEWHERE) - theirs, 50_000n);
  });

  promise('above the limit nothing moves, and the reason is told', async () => {
    const token = await issue();
    const mine = await chain.worth(money);
    const refused = await refusal(token, 'sendtoaddress', [ELSEWHERE, 1]);
    assert.equal(refused.data.code, 'limit_exceeded', JSON.stringify(refused));
    assert.equal((await sendcoins(token, { address: ELSEWHERE, amount: `${BTC}` })).status, 401);
    assert.equal((await refusal(await issue([]), 'sendtoaddress', [ELSEWHERE, 0.1])).data.code, 'no_limit');
    assert.deepEqual(await chain.waiting(), []);
    assert.equal(await chain.worth(money), mine);
  });

  promise('what is no read, and what shows keys or moves money in other ways, is refused by name', async () => {
    const token = await issue();
    for (const [method, params] of [
      ['dumpprivkey', [ELSEWHERE]], ['importprivkey', ['x']], ['walletpassphrase', ['x', 1]], ['lockunspent', [true]],
      ['selectwallet', ['primary']], ['settxfee', [1]], ['sendfrom', ['', ELSEWHERE, 1]], ['stop', []],
      ['generate', [1]], ['zap', []], ['sendtoaddress', [ELSEWHERE, '1e-3']], ['sendtoaddress', ['nobody', 0.1]],
      ['sendtoaddress', [ELSEWHERE, -0.1]], ['sendtoaddress', [ELSEWHERE, 0.000000001]],
    ]) {
      const refused = await refusal(token, method, params);
      assert.ok(refused.code < 0 && refused.message !== '', method);
    }
    assert.deepEqual(await chain.waiting(), []);
  });

  promise('reads are answered by the node', async () => {
    const token = await issue();
    assert.equal(await done(token, 'getblockcount'), await chain.height());
    assert.equal(await done(token, 'getbalance'), Number(await chain.worth(money)) / 1e8);
    const address = await done(token, 'getnewaddress');
    assert.ok(await chain.owns(money, address), address);
    if (chain.software !== 'bcoin') return;
    const refused = await refusal(token, 'listtransactions');
    assert.match(refused.message, /another wallet selected/, 'they would be those of another wallet');
  });

  promise('whoever pays the fee, what is held is what leaves', async () => {
    const token = await issued();
    const [mine, theirs] = [await chain.worth(money), await chain.paid(ELSEWHERE)];
    await done(token.token, 'sendtoaddress', [ELSEWHERE, 0.2, '', '', true]);
    await chain.mine(2);
    const { captured } = await settled(token);
    assert.equal(captured.total, '20000000');
    assert.equal(mine - await chain.worth(money), 20_000_000n);
    assert.equal(await chain.paid(ELSEWHERE) - theirs, 20_000_000n - BigInt(captured.fee));
  });

  promise('`sendmany` pays all or nobody, and `send` is answered as the node answers it', async () => {
    const token = await issued();
    await refusal(token.token, 'sendmany', ['', { [ELSEWHERE]: 0.6, [ELSEWHERE_TOO]: 0.6 }]);
    await done(token.token, 'sendmany', ['', { [ELSEWHERE]: 0.1, [ELSEWHERE_TOO]: 0.2 }]);
    const sent = await done(await issue(), 'send', [[{ [ELSEWHERE]: 0.1 }]]);
    assert.equal(sent.complete, true);
    await until(() => chain.waits(sent.txid), 'the node has the transaction');
    assert.equal((await chain.waiting()).length, 2);
    await chain.mine(2);
    await settled(token);
  });

  promise('one key is one spend, however often it is sent', async () => {
    const token = await issue();
    const before = (await chain.waiting()).length;
    const headers = { 'Idempotency-Key': 'rent' };
    const send = () => call(token, 'sendtoaddress', [ELSEWHERE, 0.01], headers);
    const answers = await Promise.all([send(), send(), send()]);
    answers.push(await send());
    const sent = new Set(answers.filter(({ error }) => error === null).map(({ result }) => result));
    assert.equal(sent.size, 1, JSON.stringify(answers));
    const other = await call(token, 'sendtoaddress', [ELSEWHERE, 0.02], headers);
    assert.equal(other.result, null, 'another spend under the same key');
    await until(() => chain.waits([...sent][0]), 'the node has the transaction');
    assert.equal((await chain.waiting()).length, before + 1);
    await chain.mine(2);
  });

  promise('spends at the same time take different coins', async () => {
    const token = await issued([{ coin: 'tbtc', txValueLimit: `${BTC}` }]);
    const sends = Array.from({ length: 6 }, () => call(token.token, 'sendtoaddress', [ELSEWHERE, 0.001]));
    const answers = await Promise.all(sends);
    assert.deepEqual(answers.map(({ error }) => error), Array(6).fill(null));
    await until(async () => (await chain.waiting()).length === 6, 'the node has all of them');
    await chain.mine(2);
    await until(async () => (await spends(token)).every(({ state }) => state === 'captured'), 'all are settled');
  });

  promise('signing and broadcasting one transaction is one spend', async () => {
    const token = await issued();
    const [coin] = await chain.coins(money);
    const change = coin.value - 30_000_000n - 1000n;
    const keep = await chain.changeAddress(money);
    const raw = await done(token.token, 'createrawtransaction', [
      [{ txid: coin.txid, vout: coin.vout }], { [ELSEWHERE]: 0.3, [keep]: Number(change) / 1e8 },
    ]);
    const signed = await done(token.token, chain.signs, [raw]);
    assert.equal(signed.complete, true);
    // Asked again it is the same spend; nothing is signed for a second one.
    const again = await call(token.token, chain.signs, [raw]);
    assert.ok(again.error || again.result.hex === signed.hex, JSON.stringify(again));
    assert.equal((await spends(token)).length, 1);
    const txid = await done(token.token, 'sendrawtransaction', [signed.hex]);
    assert.equal(await done(token.token, 'sendrawtransaction', [signed.hex]), txid);
    const all = await spends(token);
    assert.deepEqual(all.map(({ total }) => total), ['30001000'], 'what comes back is not spent');
    await until(() => chain.waits(txid), 'the node has the transaction');
    await chain.mine(2);
    assert.equal((await settled(token)).captured.reference, txid);
  });

  promise('what a transaction pays is read in it, and what it spends must be the wallet\'s', async () => {
    const token = await issue();
    const [coin] = await chain.coins(money);
    const inputs = [{ txid: coin.txid, vout: coin.vout }];
    // All but the output goes to miners.
    const drained = await done(token, 'createrawtransaction', [inputs, { [ELSEWHERE]: 0.3 }]);
    assert.match((await refusal(token, chain.signs, [drained])).message, /fee/);
    const strangers = await done(token, 'createrawtransaction', [[{ txid: '11'.repeat(32), vout: 0 }], { [ELSEWHERE]: 0.3 }]);
    assert.match((await refusal(token, chain.signs, [strangers])).message, /no coin/);
    assert.deepEqual(await chain.waiting(), []);
  });

  promise('an answer that is lost on its way is no second spend', async () => {
    const token = await issued();
    const theirs = await chain.paid(ELSEWHERE);
    chain.nodeDoor.meet = async (what) => (what === 'sendrawtransaction' ? 'lose' : undefined);
    const unknown = await refusal(token.token, 'sendtoaddress', [ELSEWHERE, 0.05]);
    assert.equal(unknown.data.code, 'outcome_pending', JSON.stringify(unknown));
    chain.nodeDoor.meet = async () => {};
    await until(async () => (await chain.waiting()).length === 1, 'the node has it');
    await chain.mine(2);
    await restart();
    assert.equal((await spends(token)).length, 1);
    assert.equal((await settled(token)).state, 'captured');
    assert.equal(await chain.paid(ELSEWHERE) - theirs, 5_000_000n);
  });

  promise('what was held and never signed is given back after a crash', async () => {
    const token = await issued();
    const reached = new Promise((resolve) => {
      chain.walletDoor.meet = async (what) => {
        if (what !== chain.signing) return;
        resolve();
        await new Promise(() => {});
      };
    });
    const asked = call(token.token, 'sendtoaddress', [ELSEWHERE, 0.05]).catch(() => {});
    await reached;
    await restart();
    chain.walletDoor.meet = async () => {};
    await asked;
    assert.equal((await settled(token)).state, 'released');
    assert.deepEqual(await chain.waiting(), []);
  });

  promise('what was signed is broadcast after a crash, once', async () => {
    const token = await issued();
    const reached = new Promise((resolve) => {
      chain.nodeDoor.meet = async (what) => {
        if (what !== 'sendrawtransaction') return;
        resolve();
        await new Promise(() => {});
      };
    });
    const asked = call(token.token, 'sendtoaddress', [ELSEWHERE, 0.05]).catch(() => {});
    await reached;
    chain.nodeDoor.meet = async () => {};
    assert.deepEqual(await chain.waiting(), []);
    await restart();
    await asked;
    await until(async () => (await chain.waiting()).length === 1, 'it is broadcast');
    await chain.mine(2);
    assert.equal((await settled(token)).state, 'captured');
  });

  promise('what was sent and not settled is settled after a crash, with its real fee', async () => {
    const token = await issued();
    const mine = await chain.worth(money);
    const txid = await done(token.token, 'sendtoaddress', [ELSEWHERE, 0.05]);
    await restart();
    assert.equal((await spends(token))[0].state, 'open');
    await chain.mine(2);
    const { captured } = await settled(token);
    assert.equal(captured.reference, txid);
    assert.equal(mine - await chain.worth(money), BigInt(captured.total));
  });

  promise('what the node forgets is broadcast again', async () => {
    const token = await issued();
    const txid = await done(token.token, 'sendtoaddress', [ELSEWHERE, 0.05]);
    await until(() => chain.waits(txid), 'the node has the transaction');
    await chain.drop();
    await until(() => chain.waits(txid), 'the node has the transaction again');
    await chain.mine(2);
    assert.equal((await settled(token)).captured.reference, txid);
  });

  promise('a spend comes back only when another transaction with its coin is final', async () => {
    const token = await issued();
    const coins = await chain.coins(money);
    // The broadcast is swallowed, as by a node that has no connection.
    chain.nodeDoor.meet = async (what) => { if (what === 'sendrawtransaction') await new Promise(() => {}); };
    const asked = call(token.token, 'sendtoaddress', [ELSEWHERE, 0.05]).catch(() => {});
    await until(async () => (await spends(token)).length === 1, 'it is held');
    await new Promise((resolve) => setTimeout(resolve, 500));
    // Every coin is spent behind the server's back.
    for (const coin of coins) await chain.spendsItself(money, coin);
    chain.nodeDoor.meet = async () => {};
    await restart();
    await asked;
    await chain.mine(1);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.ok(['open', 'unresolved'].includes((await spends(token))[0].state), 'not final yet');
    await chain.mine(1);
    const spend = await settled(token);
    assert.equal(spend.state, 'released', JSON.stringify(spend));
  });

  promise('a call means one wallet, also one without SegWit, and never any of several', async () => {
    await chain.wallet('old', 2, false);
    const old = 'old';
    const { id } = await add('old');
    assert.match((await refusal(await issue(), 'sendtoaddress', [ELSEWHERE, 0.1])).message, /several wallets/);
    const token = await issued(LIMIT, [`wallet_view:${id}`, `wallet_spend:${id}`]);
    const [others, mine] = [await chain.worth(money), await chain.worth(old)];
    const txid = await done(token.token, 'sendtoaddress', [ELSEWHERE, 0.1]);
    await until(() => chain.waits(txid), 'the node has the transaction');
    await chain.mine(2);
    const { captured } = await settled(token);
    assert.equal(captured.reference, txid);
    assert.equal(mine - await chain.worth(old), BigInt(captured.total));
    assert.equal(await chain.worth(money), others);
    const rest = await chain.worth(old);
    const emptier = await issued([{ coin: 'tbtc', txValueLimit: `${200n * BTC}` }], [`wallet_view:${id}`, `wallet_spend:${id}`]);
    await refusal(token.token, 'sendall', [[ELSEWHERE]]);
    const swept = await done(emptier.token, 'sendall', [[ELSEWHERE]]);
    await until(() => chain.waits(swept.txid), 'the node has the transaction');
    await chain.mine(2);
    assert.equal(BigInt((await settled(emptier)).captured.total), rest);
    assert.equal(await chain.worth(old), 0n);
  });
});
