'use strict';
// Money that leaves a wallet past Bursar is told, once; what Bursar sent never is.

const assert = require('node:assert/strict');
const { promise } = require('../../sdk-js/server');
const { ELSEWHERE, until } = require('../chain');
const { BTC, onChain } = require('../gateway');

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** A few looks, of one a second. */
const SOME_LOOKS_MS = 4_000;
const AMPLE = [{ coin: 'tbtc', txValueLimit: `${10n * BTC}` }];

onChain('outflows', { coins: 8, flags: ['--watch-every', '1', '--freeze-unexplained-outflows'] }, (world) => {
  const { chain, bursar, issued, done, refusal, spends, settled, restart } = world;

  /** What the audit trail tells of outflows. */
  async function told() {
    const { status, body, text } = await world.raw('GET', '/bursar/v1/audit?action=wallet.unexplained_outflow');
    assert.equal(status, 200, text);
    return (body.events ?? body.items).map((event) => JSON.stringify(event));
  }

  async function counted() {
    const text = await (await fetch(`${bursar.operations}/metrics`)).text();
    return Number(/^bursar_unexplained_outflows\S* (\d+)/m.exec(text)?.[1]);
  }

  promise('what Bursar sent is explained, also when its block is reorganised and after a crash', async () => {
    await pause(SOME_LOOKS_MS);
    const token = await issued(AMPLE);
    const txid = await done(token.token, 'sendtoaddress', [ELSEWHERE, 0.1]);
    await until(() => chain.waits(txid), 'the node has the transaction');
    await pause(SOME_LOOKS_MS);
    await chain.mine(1);
    await chain.reorganise(1);
    await pause(SOME_LOOKS_MS);
    await restart();
    await until(() => chain.waits(txid), 'the node has the transaction again');
    await chain.mine(2);
    assert.equal((await settled(token)).captured.reference, txid);
    await done(token.token, 'sendmany', ['', { [ELSEWHERE]: 0.1 }]);
    await chain.mine(2);
    await settled(token);
    await pause(SOME_LOOKS_MS);
    assert.deepEqual(await told(), []);
    assert.equal(await counted(), 0);
  });

  promise('what is paid to the wallet is no outflow', async () => {
    await chain.wallet('payer', 1);
    const address = await chain.changeAddress('treasury');
    await chain.sends('payer', address, BTC);
    await chain.mine(1);
    await pause(SOME_LOOKS_MS);
    assert.deepEqual(await told(), []);
  });

  promise('what the node\'s wallet sends by itself is told at once and once, and the wallet is frozen', async () => {
    const token = await issued(AMPLE);
    const txid = await chain.sends('treasury', ELSEWHERE, 30_000_000n);
    await until(async () => (await told()).length > 0, 'it is told');
    assert.ok(await chain.waits(txid), 'before it is confirmed');
    const refused = await refusal(token.token, 'sendtoaddress', [ELSEWHERE, 0.1]);
    assert.match(refused.data.code, /frozen/, JSON.stringify(refused));
    assert.deepEqual(await spends(token), []);
    assert.equal(await counted(), 1);
    // Mined, its block undone, mined again; and the server started anew.
    await chain.mine(1);
    await pause(SOME_LOOKS_MS);
    await chain.reorganise(1);
    await pause(SOME_LOOKS_MS);
    await chain.mine(3);
    await restart();
    await pause(SOME_LOOKS_MS);
    const [event, ...others] = await told();
    assert.ok(event.includes(txid), event);
    assert.deepEqual(others, []);
    const another = await chain.sends('treasury', ELSEWHERE, 10_000_000n);
    await until(async () => (await told()).some((event) => event.includes(another)), 'another is told, too');
    assert.equal((await told()).length, 2);
  });
});
