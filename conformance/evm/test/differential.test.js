'use strict';
// Requests at random, sound and hostile: whatever is let through moves exactly what was held, whatever is refused moves nothing.

const assert = require('node:assert/strict');
const { promise } = require('../../sdk-js/server');
const { COIN, ETHER, anyAddress, hex } = require('../chain');
const { TOKEN_COIN, onChain, spender } = require('../gateway');

const ROUNDS = 60;
const LIMIT = ETHER;
const COINS = 1000n;

/** Numbers that a seed determines (a linear congruence): a run that failed can be had again. */
function random(seed) {
  let state = BigInt(seed);
  return (below) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    return Number((state >> 33n) % BigInt(below));
  };
}

onChain('differential', {}, (world) => {
  promise('what moves is what was held, and all of it is within the limit', async (t) => {
    const seed = Number(process.env.BURSAR_EVM_SEED ?? Date.now() % 1_000_000);
    t.diagnostic(`BURSAR_EVM_SEED=${seed}`);
    const any = random(seed);
    const { chain, gateway, contract } = world;
    const { token, from, wallet } = await spender(world, t, [`hteth ${LIMIT / ETHER}/day`, `${TOKEN_COIN} ${COINS} base units/day`]);
    await chain.mint(contract, from, 10n * COINS);
    const before = await chain.balance(from);
    const one = (...choices) => choices[any(choices.length)];
    let accepted = 0;

    for (let round = 0; round < ROUNDS; round += 1) {
      const to = anyAddress();
      const units = BigInt(any(10) + 1) * (ETHER / 40n);
      const coins = BigInt(any(200));
      const value = one(() => hex(units), () => hex(units), () => hex(units), () => units.toString(), () => `0x0${units.toString(16)}`, () => `-${hex(units)}`, () => Number(units), () => '0x0')();
      const data = COIN.encodeFunctionData(one('transfer', 'transfer', 'approve'), [to, coins]);
      const transaction = one(
        () => ({ from, to, value }), () => ({ from, to, value }), () => ({ from, to: to.toLowerCase(), value, gas: hex(21_000n + BigInt(any(50_000))) }),
        () => ({ from, to: contract, data }), () => ({ from, to: contract, input: data }), () => ({ from, to: contract, data: `${data}${'00'.repeat(any(2))}` }),
        () => ({ from, to: contract, data, value }), () => ({ from: chain.faucet.address, to, value }), () => ({ from, value, data: '0x' }),
      )();
      const before = [await chain.balance(to), await chain.coins(contract, to), await chain.allowance(contract, from, to)];
      const nonce = await chain.count(from);
      const known = (await gateway.spends(token)).length;
      const kind = any(8);
      let text = JSON.stringify({ jsonrpc: '2.0', id: round, method: 'eth_sendTransaction', params: [transaction] });
      if (kind === 0) text = `[${text},{"jsonrpc":"2.0","id":"r","method":"eth_blockNumber","params":[]}]`;
      if (kind === 1) text = `[${text},${text.replace(`"id":${round}`, '"id":"x"')}]`;
      if (kind === 2) text = text.replace('"method":', '"method":"eth_chainId","method":');
      if (kind === 3) text = text.replace('eth_send', 'eth_\\u0073end');
      const { body } = await gateway.post(token, text);
      const answer = [body].flat().find(({ id }) => id === round) ?? body;

      if (answer.result === undefined) {
        assert.ok([body].flat().every(({ result }) => result === undefined || !/^0x[0-9a-f]{64}$/.test(result)), text);
        assert.deepEqual([await chain.balance(to), await chain.coins(contract, to), await chain.allowance(contract, from, to)], before, text);
        assert.equal(await chain.count(from, 'pending'), nonce, text);
        assert.equal((await gateway.spends(token)).length, known, text);
        continue;
      }
      accepted += 1;
      await chain.mined(answer.result);
      const [spend] = await gateway.spends(token);
      assert.equal((await gateway.spends(token)).length, known + 1, text);
      const held = BigInt(spend.recipients[0].amount);
      const moved = [await chain.balance(to) - before[0], await chain.coins(contract, to) - before[1] + (await chain.allowance(contract, from, to)) - before[2]];
      assert.deepEqual(moved, spend.coin === 'hteth' ? [held, 0n] : [0n, held], text);
      assert.equal(spend.recipients.length, 1);
      assert.ok(BigInt(spend.fee) >= (await chain.feeOf(answer.result)), text);
    }

    const spends = await gateway.settled(token);
    assert.equal(spends.length, accepted);
    const gone = before - (await chain.balance(wallet.address));
    assert.ok(gone <= LIMIT, `${gone} is more than the limit`);
    assert.equal((await gateway.counted(token, 0)).captured, gone);
    assert.ok((await gateway.counted(token, 1)).captured <= COINS);
    assert.ok(accepted > 0 && accepted < ROUNDS);
  });
});
