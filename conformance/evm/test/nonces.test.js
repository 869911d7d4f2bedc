'use strict';
// Many spends at once from one wallet, and the server killed in between: each that was acknowledged moves once, without a gap.

const assert = require('node:assert/strict');
const { promise } = require('../../sdk-js/server');
const { ETHER, anyAddress, hex } = require('../chain');
const { onChain, pause, spender, until } = require('../gateway');

const SENDS = 200;
const TOKENS = 4;
const VALUE = ETHER / 100n;
/** Each token asks for fifty times the value, and its fees; its limit leaves room for some forty. */
const LIMIT = ETHER * 4n / 10n;
/** The server is killed when so many are acknowledged. */
const KILLED_AT = [30, 90];
const ALL_WITHIN_MS = 100_000;
const TEST_TIMEOUT_MS = 170_000;

onChain('nonces', {}, (world) => {
  promise('two hundred sends and two kills end with every acknowledged one mined once and no gap', async (t) => {
    const { chain, gateway } = world;
    const limits = ['hteth 0.4/day'];
    const { token: first, from } = await spender(world, t, limits);
    const tokens = [first];
    while (tokens.length < TOKENS) tokens.push(await gateway.token(t, limits));
    const before = await chain.balance(from);
    const acknowledged = new Map();
    let refused = 0;

    /** One send, asked again under its key until it is known what became of it. */
    async function send(number) {
      const to = anyAddress();
      const token = tokens[number % TOKENS];
      const end = Date.now() + ALL_WITHIN_MS;
      for (let attempt = 0; Date.now() < end;) {
        await until(() => gateway.isUp, 'the server stays away');
        const key = { 'idempotency-key': `send-${number}-${attempt}` };
        const answer = await gateway.send(token, { from, to, value: hex(VALUE) }, key).catch(() => undefined);
        if (answer?.result) return acknowledged.set(to, answer.result);
        const code = answer?.error?.data?.code;
        if (code === 'limit_exceeded') {
          refused += 1;
          return undefined;
        }
        // Given back, as the server was gone before it signed: that is a spend that never was.
        if (code === 'rail_refused') attempt += 1;
        await pause(200);
      }
      throw new Error(`send ${number} has no end`);
    }

    const sends = Promise.all(Array.from({ length: SENDS }, (_, number) => send(number)));
    await gateway.killedAt(KILLED_AT, () => acknowledged.size, ALL_WITHIN_MS);
    await sends;
    assert.equal(acknowledged.size + refused, SENDS);
    assert.equal(new Set(acknowledged.values()).size, acknowledged.size, 'no hash was told twice');

    const spends = (await Promise.all(tokens.map((token) => gateway.settled(token, 60_000)))).flat();
    await until(async () => (await chain.count(from)) === (await chain.count(from, 'pending')), 'something waits');
    const captured = spends.filter(({ state }) => state === 'captured');
    assert.equal(await chain.count(from), captured.length, 'as many are mined as are captured');
    for (const [to, hash] of acknowledged) {
      assert.equal((await chain.receipt(hash))?.status, '0x1', hash);
      assert.equal(await chain.balance(to), VALUE);
      assert.equal(captured.filter(({ captured: { reference } }) => reference === hash).length, 1, hash);
    }
    const paid = new Set(captured.flatMap(({ recipients }) => recipients.map(({ address }) => address.toLowerCase())));
    assert.equal(paid.size, captured.length, 'nobody was paid twice');
    let sum = 0n;
    for (const token of tokens) {
      const { captured: counted, held } = await gateway.counted(token);
      assert.equal(held, 0n);
      assert.ok(counted <= LIMIT, `${counted}`);
      sum += counted;
    }
    assert.equal(before - (await chain.balance(from)), sum, 'what left the wallet is what is counted');
    t.diagnostic(`${acknowledged.size} acknowledged, ${refused} refused, ${captured.length} mined, ${spends.length - captured.length} given back`);
  }, TEST_TIMEOUT_MS);
});
