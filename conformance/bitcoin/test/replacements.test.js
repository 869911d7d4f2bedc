'use strict';
// Transactions that are replaced by such as pay more: both count until one of them is final, and one of them moves.

const assert = require('node:assert/strict');
const { promise } = require('../../sdk-js/server');
const { ELSEWHERE, until } = require('../chain');
const { onChain } = require('../gateway');

const BTC = 100_000_000n;
const LIMIT = [{ coin: 'tbtc', txValueLimit: `${BTC}` }];
const SETTLED_WITHIN_MS = 30_000;

onChain('replacements', { coins: 12 }, (world) => {
  const { chain, issued, call, done, refusal, spends } = world;
  const states = async (token) => (await spends(token)).map(({ state }) => state);
  const became = (token, expected) => until(
    async () => JSON.stringify(await states(token)) === JSON.stringify(expected), `${expected}`, SETTLED_WITHIN_MS,
  );

  /** Asks for a replacement, once the node's wallet has the transaction and its change, which is a moment after the node has it. */
  const bumped = async (token, parameters) => {
    let answer;
    await until(async () => {
      answer = await call(token.token, 'bumpfee', parameters);
      return !/its change is not known/.test(answer.error?.message);
    }, "the node's wallet has the change");
    return answer;
  };

  /** A payment that may be replaced, and its replacement, which bcoin takes only once it has dropped the other. */
  const replaced = async (token) => {
    const first = await done(token.token, 'sendtoaddress', [ELSEWHERE, 0.3, '', '', false, true]);
    await until(() => chain.waits(first), 'the node has the transaction');
    const { result, error } = await bumped(token, [first, { fee_rate: 30 }]);
    assert.ok(result ?? error.data.code === 'outcome_pending', JSON.stringify(error));
    const [{ amount, fee }, original] = await spends(token);
    assert.ok(BigInt(fee) > BigInt(original.fee), `${fee} ${original.fee}`);
    assert.equal(amount, '30000000');
    return first;
  };

  promise('a replacement and what it replaces count in full, and the one that is mined is captured', async () => {
    const token = await issued(LIMIT);
    const theirs = await chain.paid(ELSEWHERE);
    const first = await replaced(token);
    const over = await refusal(token.token, 'sendtoaddress', [ELSEWHERE, 0.5]);
    assert.equal(over.data.code, 'limit_exceeded', 'both count');
    if (chain.software === 'bcoin') await chain.drop();
    await until(async () => {
      const [waiting] = await chain.waiting();
      return waiting !== undefined && waiting !== first;
    }, 'the node has the replacement, and only that', SETTLED_WITHIN_MS);
    await chain.mine(2);
    await became(token, ['captured', 'released']);
    assert.equal(await chain.paid(ELSEWHERE) - theirs, 30_000_000n, 'it is paid once');
    const [last] = await spends(token);
    assert.equal(last.captured.fee, last.fee);
    await done(token.token, 'sendtoaddress', [ELSEWHERE, 0.5]);
    await chain.mine(2);
  });

  promise('if the first is mined after all, it is captured and the replacement given back', async () => {
    if (chain.software !== 'bcoin') return;
    const token = await issued(LIMIT);
    const theirs = await chain.paid(ELSEWHERE);
    const first = await replaced(token);
    assert.deepEqual(await chain.waiting(), [first]);
    await chain.mine(2);
    await became(token, ['released', 'captured']);
    assert.equal(await chain.paid(ELSEWHERE) - theirs, 30_000_000n);
    const again = await refusal(token.token, 'bumpfee', [first]);
    assert.match(again.message, /is settled/);
  });

  promise('a limit that has no room for both refuses the replacement, and nothing is signed', async () => {
    const token = await issued(LIMIT);
    const first = await done(token.token, 'sendtoaddress', [ELSEWHERE, 0.6, '', '', false, true]);
    await until(() => chain.waits(first), 'the node has the transaction');
    assert.equal((await bumped(token, [first])).error?.data.code, 'limit_exceeded');
    assert.deepEqual(await states(token), ['open']);
    await chain.mine(2);
    await became(token, ['captured']);
  });
});
