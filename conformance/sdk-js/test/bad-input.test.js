'use strict';
// What is not understood is refused with the field named, and nothing of it is kept.

const assert = require('node:assert/strict');
const { OTP, SPENDER_SCOPES, ELSEWHERE, promise, conformance } = require('../server');

const CREATE = '/api/auth/v1/accesstoken';
const TOO_MUCH = (2n ** 256n).toString();
const OVERLONG = '1'.repeat(500);

/** A number that JSON can write and JavaScript would rewrite. */
const literal = (text) => ({ literal: text });

/** JSON text in which literals stand as they were written. */
function json(value) {
  if (value && typeof value === 'object' && 'literal' in value) return value.literal;
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  if (value && typeof value === 'object') {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${json(field)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

const limits = (...spendingLimits) => ({ spendingLimits });
const limit = (txValueLimit) => limits({ coin: 'tbtc', txValueLimit });

/** Field named by the refusal → what makes it so. */
const TOKENS = {
  label: [
    { label: undefined }, { label: 7 }, { label: null }, { label: '' }, { label: 'x'.repeat(251) },
    { label: 'a\u0000b' }, { label: 'a\nb' }, { label: 'a\u001bb' },
  ],
  scope: [
    { scope: undefined }, { scope: [] }, { scope: 'wallet_view_all' }, { scope: [7] }, { scope: ['wallet_steal_all'] },
    { scope: ['wallet_spend'] }, { scope: ['wallet_spend:short'] }, { scope: [`wallet_spend_all:${'a'.repeat(32)}`] },
    { scope: ['user_manage'] }, { scope: [''] },
  ],
  duration: [
    { duration: 0 }, { duration: -1 }, { duration: 1.5 }, { duration: 315_360_001 }, { duration: '3600' },
  ],
  ipRestrict: [
    { ipRestrict: '203.0.113.7' }, { ipRestrict: ['elsewhere'] }, { ipRestrict: ['10.0.0.0/8'] }, { ipRestrict: [7] },
    { ipRestrict: ['203.0.113.0/33'] }, { ipRestrict: ['203.0.113.7/24'] }, { ipRestrict: ['2001:db8::/48'] },
  ],
  spendingLimits: [
    { spendingLimits: {} }, { spendingLimits: 'tbtc' }, limits(7), limits({ txValueLimit: '1' }),
    limits({ coin: 'tbtc' }), limits({ coin: '', txValueLimit: '1' }), limits({ coin: 7, txValueLimit: '1' }),
    limit(''), limit('  '), limit('-1'), limit(-1), limit('+1'), limit('1.5'), limit(1.5), limit('1e3'),
    limit(literal('1e3')), limit(literal('1.0')), limit('0x10'), limit('ten'), limit(true), limit([]),
    limit(OVERLONG), limit(TOO_MUCH), limit(2 ** 53), limit(literal(TOO_MUCH)),
    limits({ coin: 'tbtc', txValueLimit: '1' }, { coin: 'tbtc', txValueLimit: '2' }),
    limits({ coin: 'tbtc', txValueLimit: '1', maxLimit: true }), limits({ coin: 'tbtc', maxLimit: 'yes' }),
  ],
  allErc20TokensLimit: [
    { allErc20TokensLimit: 7 }, { allErc20TokensLimit: { enabled: true, txValueLimit: '1e3' } },
    { allErc20TokensLimit: { enabled: true, txValueLimit: '1', maxLimit: true } },
  ],
  txValueLimit: [{ txValueLimit: -1 }, { txValueLimit: 1.5 }, { txValueLimit: 'ten' }],
  permitted: [
    { permittedWallets: ['a'.repeat(32)], permittedEnterprises: ['b'.repeat(32)] },
    { permittedWallets: ['short'] }, { permittedEnterprises: 'b'.repeat(32) },
  ],
  admin: [{ admin: true }],
};

const to = ELSEWHERE.tbtc;
const SPENDS = {
  address: [{ address: undefined }, { address: 7 }, { address: '' }],
  amount: [
    undefined, null, '', '-1', -1, '1.5', 1.5, '1e3', literal('1e3'), '0x10', 'ten', true, OVERLONG, TOO_MUCH, 2 ** 53,
  ].map((amount) => ({ amount })),
};

conformance('bad input', (bursar) => {
  let bearer;
  let session;
  const loggedIn = async () => {
    session ??= await bursar.login();
    bearer ??= session.toJSON().token;
    return session;
  };
  const good = { otp: OTP, label: 'bad input', duration: 600, scope: SPENDER_SCOPES };
  const create = (fields) => bursar.raw('POST', CREATE, { bearer, body: json({ ...good, ...fields }) });

  function assertNamed(answer, field, what) {
    assert.equal(answer.status, 400, `${what} → ${answer.status} ${answer.text}`);
    for (const part of ['error', 'name', 'requestId']) assert.equal(typeof answer.body[part], 'string', part);
    assert.ok(String(answer.body.context.field).startsWith(field), `${what} → ${answer.text}`);
  }

  for (const [field, cases] of Object.entries(TOKENS)) {
    promise(`a token's ${field} is refused by name and no token is left behind`, async () => {
      await loggedIn();
      for (const fields of cases) assertNamed(await create(fields), field, json(fields).slice(0, 120));
      assert.deepEqual(await session.listAccessTokens(), []);
    });
  }

  for (const [field, cases] of Object.entries(SPENDS)) {
    promise(`a spend's ${field} is refused by name and nothing is sent`, async () => {
      await loggedIn();
      await session.unlock({ otp: OTP, duration: 3600 }).catch(() => {});
      const wallet = bursar.wallet('tbtc');
      const path = `/api/v2/tbtc/wallet/${wallet.id}`;
      const transfers = async () => (await session.get(session.url(`/tbtc/wallet/${wallet.id}/transfer`, 2)).result()).transfers;
      const before = (await transfers()).length;
      for (const fields of cases) {
        const one = { address: to, amount: '1', ...fields };
        assertNamed(await bursar.raw('POST', `${path}/sendcoins`, { bearer, body: json(one) }), field, json(fields).slice(0, 120));
        const many = await bursar.raw('POST', `${path}/sendmany`, { bearer, body: json({ recipients: [one] }) });
        assertNamed(many, 'recipients', json(fields).slice(0, 120));
      }
      assertNamed(await bursar.raw('POST', `${path}/sendmany`, { bearer, body: '{"recipients":[]}' }), 'recipients', 'nobody');
      assert.equal((await transfers()).length, before);
    });
  }

  promise('what is no JSON object, and a key given twice, is refused', async () => {
    await loggedIn();
    const twice = '{"label":"a","label":"b","otp":"000000","duration":60,"scope":["wallet_view_all"]}';
    for (const body of ['{', '', 'null', '[]', '"text"', '{"label":}', `${json(good)}x`, '\ufeff', twice]) {
      const answer = await bursar.raw('POST', CREATE, { bearer, body });
      assert.equal(answer.status, 400, `${body} → ${answer.text}`);
      assert.equal(typeof answer.body.error, 'string');
    }
    assert.deepEqual(await session.listAccessTokens(), []);
  });

  promise('fields nobody knows, the longest label and the longest life are fine', async () => {
    await loggedIn();
    for (const fields of [{ shoeSize: 43 }, { label: 'x'.repeat(250) }, { label: 'Grüße 🪙' }, { duration: 315_360_000 }]) {
      const answer = await create(fields);
      assert.equal(answer.status, 200, answer.text);
      await session.removeAccessToken({ id: answer.body.id });
    }
  });
});
