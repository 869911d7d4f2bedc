'use strict';
// Templates: reusable grants for new tokens (WC §1.4).

const assert = require('node:assert/strict');
const { OTP, refusal, promise, conformance } = require('../server');

const GRANT = {
  name: 'payout bot',
  tokenScopes: ['wallet_view_all', 'wallet_spend_all'],
  allowedIPs: ['127.0.0.1'],
  tokenLimits: { spendingLimits: [{ coin: 'tbtc', txValueLimit: '1000' }] },
};

conformance('templates', (bursar) => {
  let session;
  /** Sends a request about templates from an unlocked session. */
  const ask = async (method, path = '', body = undefined) => {
    if (!session) {
      session = await bursar.login();
      await session.unlock({ otp: OTP, duration: 3600 });
    }
    // Version 2 signs no method: a removal without a body could have been a read (see the last promise).
    const sent = method === 'del' && !body ? {} : body;
    return session[method](session.url(`/user/accesstokentemplate${path}`, 2)).send(sent).result();
  };
  const make = async (t, more = {}) => {
    const template = await ask('post', '', { ...GRANT, ...more });
    t.after(() => ask('del', `/${template.id}`).catch(() => {}));
    return template;
  };

  promise('are made, read, changed and removed', async (t) => {
    const made = await make(t);
    assert.match(made.id, /^[0-9a-f]{32}$/);
    assert.equal(made.userId, session.user().id);
    assert.deepEqual(made.tokenScopes, GRANT.tokenScopes);
    assert.equal(made.tokenLimits.spendingLimits[0].txValueLimit, '1000');

    const read = await ask('get', `/${made.id}`);
    assert.equal(read.name, GRANT.name);
    assert.deepEqual((await ask('get')).accessTokenTemplates.map(({ id }) => id), [made.id]);

    const changed = await ask('patch', `/${made.id}`, { allowedIPs: ['127.0.0.0/24'] });
    assert.deepEqual(changed.allowedIPs, ['127.0.0.0/24']);
    assert.deepEqual(changed.tokenScopes, GRANT.tokenScopes);

    assert.equal((await ask('del', `/${made.id}`)).id, made.id);
    assert.equal((await refusal(ask('get', `/${made.id}`))).status, 404);
  });

  promise('have names of their own', async (t) => {
    await make(t);
    assert.equal((await refusal(ask('post', '', GRANT))).status, 409);
  });

  promise('come in pages', async (t) => {
    const ids = [];
    for (const name of ['one', 'two', 'three']) ids.push((await make(t, { name })).id);
    const first = await ask('get', '?limit=2');
    assert.equal(first.accessTokenTemplates.length, 2);
    const second = await ask('get', `?limit=2&prevId=${first.nextBatchPrevId}`);
    assert.ok(!second.nextBatchPrevId);
    const seen = [...first.accessTokenTemplates, ...second.accessTokenTemplates].map(({ id }) => id);
    assert.deepEqual(seen.sort(), ids.sort());
  });

  promise('are refused with the field named', async () => {
    for (const [field, body] of [
      ['name', { ...GRANT, name: undefined }],
      ['tokenScopes', { ...GRANT, tokenScopes: ['wallet_steal_all'] }],
      ['allowedIPs', { ...GRANT, allowedIPs: ['10.0.0.0/8'] }],
      ['tokenLimits', { ...GRANT, tokenLimits: { spendingLimits: [{ coin: 'tbtc', txValueLimit: '-1' }] } }],
      ['permitted', { ...GRANT, permittedWallets: ['a'.repeat(32)], permittedEnterprises: ['b'.repeat(32)] }],
    ]) {
      const refused = await refusal(ask('post', '', body));
      assert.equal(refused.status, 400, field);
      assert.ok(String(refused.result.context.field).startsWith(field), JSON.stringify(refused.result));
    }
  });

  promise('give a token what it does not say itself, and it outlives them', async (t) => {
    const template = await make(t);
    const create = (more) =>
      session
        .post(bursar.url + '/api/auth/v1/accesstoken')
        .send({ otp: OTP, label: 'from a template', duration: 600, accessTokenTemplateId: template.id, ...more })
        .result();
    const token = await create();
    t.after(() => session.removeAccessToken({ id: token.id }));
    assert.deepEqual(token.scope, GRANT.tokenScopes);
    assert.deepEqual(token.ipRestrict, GRANT.allowedIPs);
    assert.equal(token.unlock.spendingLimits.tbtc.txValueLimit, 1000);

    const own = await create({ scope: ['openid'], spendingLimits: [] });
    t.after(() => session.removeAccessToken({ id: own.id }));
    assert.deepEqual(own.scope, ['openid']);
    assert.ok(!('unlock' in own), 'what is said wins, also when it is empty');

    await ask('del', `/${template.id}`);
    await bursar.clientOf(token.token).session();
  });

  promise('are removed without a body only where the signature covers the method', async (t) => {
    const { id } = await make(t);
    const bodiless = session.del(session.url(`/user/accesstokentemplate/${id}`, 2)).result();
    if (bursar.authVersion === 2) {
      assert.equal((await refusal(bodiless)).result.context.code, 'method_not_signed');
      assert.equal((await ask('get', `/${id}`)).id, id);
    } else {
      assert.equal((await bodiless).id, id);
    }
  });
});
