'use strict';
// A node that is slow, down, half-closed or confused: never two transactions for one spend, and none given back that moves.

const assert = require('node:assert/strict');
const { promise } = require('../../sdk-js/server');
const { ELSEWHERE, until } = require('../chain');
const { onChain } = require('../gateway');

const KEY = { 'idempotency-key': 'once' };
const PAY = [ELSEWHERE, 0.6];
/** The server looks every ten seconds at what nobody knows of. */
const LOOKED_WITHIN_MS = 30_000;

onChain('faults', { coins: 12 }, (world) => {
  const { chain, issued, call, spends, settled, restart, refusal } = world;
  const heal = () => { for (const door of [chain.nodeDoor, chain.walletDoor]) door.meet = async () => {}; };
  const breaking = (method, told) => {
    const meet = async (what) => {
      if (what !== method) return undefined;
      if (told === 'slow') await new Promise((resolve) => setTimeout(resolve, 3_000));
      return told;
    };
    for (const door of [chain.nodeDoor, chain.walletDoor]) door.meet = meet;
  };

  for (const fault of ['down', 'slow', 'lose', 'fail', 'garbage', 'half', { refuse: 'mempool min fee not met' }]) {
    promise(`a broadcast that goes wrong (${fault.refuse ?? fault}) moves once and counts from the first moment`, async () => {
      const token = await issued();
      const theirs = await chain.paid(ELSEWHERE);
      breaking('sendrawtransaction', fault);
      await call(token.token, 'sendtoaddress', PAY, KEY);
      const refused = await refusal(token.token, 'sendtoaddress', [ELSEWHERE, 0.5]);
      assert.equal(refused.data.code, 'limit_exceeded', 'it counts');
      const [held] = await spends(token);
      assert.notEqual(held.state, 'released');
      // Also over a crash, with the node as it was: it is offered again, and stays held.
      await restart();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      assert.notEqual((await spends(token))[0].state, 'released');
      heal();
      await until(async () => (await chain.waiting()).length === 1, 'the node has it', LOOKED_WITHIN_MS);
      await chain.mine(2);
      const spend = await settled(token, LOOKED_WITHIN_MS);
      assert.equal(spend.state, 'captured');
      assert.equal(await chain.paid(ELSEWHERE) - theirs, 60_000_000n);
      assert.equal((await call(token.token, 'sendtoaddress', PAY, KEY)).result, spend.captured.reference, 'the key knows it');
      assert.equal((await spends(token)).length, 1);
      assert.deepEqual(await chain.waiting(), []);
    });
  }

  promise('a node that fails before anything is signed leaves nothing held', async () => {
    const token = await issued();
    const coins = chain.software === 'core' ? 'listunspent' : '/wallet/treasury/coin';
    for (const method of [coins, 'estimatesmartfee', chain.signing]) {
      for (const fault of ['down', 'garbage', 'half', 'fail']) {
        breaking(method, fault);
        const { result, error } = await call(token.token, 'sendtoaddress', PAY);
        assert.ok(result === null && error, `${method} ${fault}`);
        heal();
        assert.deepEqual(await chain.waiting(), []);
        await until(async () => (await spends(token)).every(({ state }) => state === 'released'), 'nothing is held', LOOKED_WITHIN_MS);
      }
    }
    const { result } = await call(token.token, 'sendtoaddress', PAY);
    await until(() => chain.waits(result), 'the node has the transaction');
    await chain.mine(2);
    assert.equal((await settled(token)).state, 'captured');
  });

  promise('a reorganised spend is not given back, and moves once', async () => {
    const token = await issued();
    const theirs = await chain.paid(ELSEWHERE);
    const { result: txid } = await call(token.token, 'sendtoaddress', PAY);
    await until(() => chain.waits(txid), 'the node has the transaction');
    await chain.mine(1);
    await chain.reorganise(1);
    assert.equal(await chain.paid(ELSEWHERE), theirs);
    assert.equal((await refusal(token.token, 'sendtoaddress', [ELSEWHERE, 0.5])).data.code, 'limit_exceeded');
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    assert.equal((await spends(token))[0].state, 'open');
    await until(() => chain.waits(txid), 'it waits again');
    await chain.mine(1);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    assert.equal((await spends(token))[0].state, 'open', 'one block is not final here');
    await chain.mine(1);
    assert.equal((await settled(token)).captured.reference, txid);
    assert.equal(await chain.paid(ELSEWHERE) - theirs, 60_000_000n);
  });
});
