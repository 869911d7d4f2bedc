'use strict';
// Requests at random, sound and hostile: whatever is let through moves exactly what was held, whatever is refused moves nothing.

const assert = require('node:assert/strict');
const { promise } = require('../../sdk-js/server');
const { ELSEWHERE, ELSEWHERE_TOO, until } = require('../chain');
const { BTC, onChain } = require('../gateway');

const ROUNDS = 50;
const LIMIT = 2n * BTC;

/** Numbers that a seed determines (a linear congruence): a run that failed can be had again. */
function random(seed) {
  let state = BigInt(seed);
  return (below) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    return Number((state >> 33n) % BigInt(below));
  };
}

onChain('differential', { coins: 10 }, (world) => {
  const { chain, issued, post, sendcoins, spends } = world;

  promise('what moves is what was held, and all of it is within the limit', async (t) => {
    const seed = Number(process.env.BURSAR_BITCOIN_SEED ?? Date.now() % 1_000_000);
    t.diagnostic(`BURSAR_BITCOIN_SEED=${seed}`);
    const any = random(seed);
    const one = (...choices) => choices[any(choices.length)];
    const token = await issued([{ coin: 'tbtc', txValueLimit: `${LIMIT}` }]);
    const began = await chain.worth('treasury');
    let accepted = 0;

    for (let round = 0; round < ROUNDS; round += 1) {
      const satoshi = any(30_000_000) + 1;
      const amount = one(() => satoshi / 1e8, () => satoshi / 1e8, () => `${satoshi / 1e8}`, () => -satoshi, () => satoshi, () => 0)();
      const own = await chain.changeAddress('treasury');
      const to = one(ELSEWHERE, ELSEWHERE, ELSEWHERE_TOO, own, ELSEWHERE.slice(1));
      const [method, params] = one(
        () => ['sendtoaddress', [to, amount]], () => ['sendtoaddress', [to, amount, '', '', true]],
        () => ['sendmany', ['', { [to]: amount, [ELSEWHERE_TOO]: satoshi / 2e8 }]], () => ['send', [[{ [to]: amount }]]],
        () => ['send', { outputs: [{ [to]: amount }], fee_rate: any(400) }],
      )();
      const known = (await spends(token)).length;
      const before = await chain.worth('treasury');
      let answer;
      if (any(6) === 0) {
        const sent = await sendcoins(token.token, { address: to, amount: String(one(satoshi, -satoshi, `${satoshi}.5`, `0x${satoshi}`)) });
        answer = sent.status === 200 ? { result: sent.body.txid } : { result: null };
      } else {
        let text = JSON.stringify({ id: round, method, params });
        const kind = any(8);
        if (kind === 0) text = `[${text},{"id":"r","method":"getblockcount","params":[]}]`;
        if (kind === 1) text = `[${text},${text.replace(`"id":${round}`, '"id":"x"')}]`;
        if (kind === 2) text = text.replace('"method":', '"method":"getblockcount","method":');
        if (kind === 3) text = text.replace('"send', '"\\u0073end');
        const { body } = await post(token.token, text);
        answer = [body].flat().find(({ id }) => id === round) ?? body;
      }
      const found = await spends(token);

      if (!answer.result) {
        assert.deepEqual(await chain.waiting(), [], JSON.stringify([method, params]));
        assert.equal(await chain.worth('treasury'), before);
        assert.ok(found.slice(0, found.length - known).every(({ state }) => state === 'released'), JSON.stringify(found[0]));
        continue;
      }
      accepted += 1;
      const txid = answer.result.txid ?? answer.result;
      await until(() => chain.waits(txid), 'the node has the transaction');
      assert.equal((await chain.waiting()).length, 1);
      await chain.mine(1);
      const gone = before - await chain.worth('treasury');
      // What is paid to an address of the wallet that the call names counts as spent, and comes back.
      const back = found[0].recipients.filter(({ address }) => address === own).reduce((sum, { amount: paid }) => sum + BigInt(paid), 0n);
      assert.equal(found.length, known + 1);
      assert.equal(gone + back, BigInt(found[0].total), JSON.stringify([method, params, found[0]]));
    }

    await chain.mine(2);
    await until(async () => (await spends(token)).every(({ state }) => ['captured', 'released'].includes(state)), 'all are settled', 30_000);
    const captured = (await spends(token)).filter(({ state }) => state === 'captured');
    assert.equal(captured.length, accepted);
    const sum = captured.reduce((sum, { captured: { total } }) => sum + BigInt(total), 0n);
    assert.ok(sum <= LIMIT, `${sum} is more than the limit`);
    assert.ok(began - await chain.worth('treasury') <= sum);
    assert.ok(accepted > 0 && accepted < ROUNDS);
  }, 180_000);
});
