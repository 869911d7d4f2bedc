'use strict';
// The nineteen promises of BitGo's own access token test, put into our words (WC §10).

const assert = require('node:assert/strict');
const { describe } = require('node:test');
const { promise, conformance, refusal } = require('../server');

const SEVEN_ZEROS = '0000000';
const HOUR_S = 3600;

conformance('access tokens as BitGo tests them', (bursar) => {
  let session;
  const loggedIn = async () => (session ??= await bursar.login({ otp: SEVEN_ZEROS }));
  const add = async (t, more = {}) => {
    const bitgo = await loggedIn();
    const params = { otp: SEVEN_ZEROS, label: 'ported', duration: HOUR_S, scope: ['openid', 'wallet_view_all'], ...more };
    const token = await bitgo.addAccessToken(params);
    t.after(() => bitgo.removeAccessToken({ id: token.id }).catch(() => {}));
    return token;
  };

  describe('what the client refuses by itself', () => {
    const refused = (arguments_, message) => async () => assert.rejects((await loggedIn()).addAccessToken(arguments_), message);
    promise('a token without a label', refused({ otp: SEVEN_ZEROS, scope: ['openid'] }, /required string label/));
    promise('a token without scope', refused({ otp: SEVEN_ZEROS, label: 'x' }, /must specify scope for token/));
    promise('a token with an empty scope', refused({ otp: SEVEN_ZEROS, label: 'x', scope: [] }, /must specify scope for token/));
    promise('a scope that is not a list', refused({ otp: SEVEN_ZEROS, label: 'x', scope: 'openid' }, /scope must be an array/));
    promise('a removal by neither or both of id and label', async () => {
      const bitgo = await loggedIn();
      for (const which of [{}, { id: 'a'.repeat(32), label: 'x' }]) {
        await assert.rejects(bitgo.removeAccessToken(which), /must provide exactly one of id or label/);
      }
    });
  });

  describe('the list', () => {
    promise('is empty for a user without tokens', async () => {
      assert.deepEqual(await (await loggedIn()).listAccessTokens(), []);
    });

    promise('holds a token once it is made', async (t) => {
      const token = await add(t);
      const listed = await session.listAccessTokens();
      assert.deepEqual(listed.map(({ id }) => id), [token.id]);
    });

    promise('holds two tokens of one label', async (t) => {
      const ids = [(await add(t)).id, (await add(t)).id];
      assert.deepEqual((await session.listAccessTokens()).map(({ id }) => id), ids);
    });
  });

  describe('what the server refuses', () => {
    promise('an unknown scope, whatever the OTP', async () => {
      const refused = await refusal((await loggedIn()).addAccessToken({ otp: 'bad', label: 'x', scope: ['openid', 'nonsense'] }));
      assert.match(refused.message, /invalid scope/);
    });

    promise('a bad OTP', async () => {
      const refused = await refusal((await loggedIn()).addAccessToken({ otp: 'bad', label: 'x', scope: ['openid'] }));
      assert.match(refused.message, /invalid/);
    });
  });

  describe('a new token', () => {
    promise('has all its fields and no more', async (t) => {
      const token = await add(t);
      for (const field of ['id', 'client', 'user', 'scope', 'created', 'expires', 'origin', 'label', 'isExtensible', 'token']) {
        assert.ok(field in token, `${field} is missing`);
      }
      assert.equal(token.label, 'ported');
      assert.equal(token.client, 'bitgo');
      assert.equal(token.isExtensible, false);
      assert.deepEqual(token.scope, ['openid', 'wallet_view_all']);
      for (const field of ['enterprise', 'unlock']) assert.ok(!(field in token), `${field} is not set`);
    });

    promise('lives exactly as long as it was asked to', async (t) => {
      const { created, expires } = await add(t);
      assert.ok(Math.abs(Date.parse(expires) - Date.parse(created) - HOUR_S * 1000) <= 10);
    });

    promise('lives ten years when nothing is said', async (t) => {
      const { created, expires } = await add(t, { duration: undefined });
      assert.ok(Math.abs(Date.parse(expires) - Date.parse(created) - 315_360_000_000) <= 10);
    });

    promise('carries its limit of satoshi as a number', async (t) => {
      const token = await add(t, { txValueLimit: 123_456 });
      assert.equal(token.unlock.txValueLimit, 123_456);
    });

    promise('keeps its addresses in order', async (t) => {
      const token = await add(t, { ipRestrict: ['0.0.0.0', '8.8.8.8'] });
      assert.deepEqual(token.ipRestrict, ['0.0.0.0', '8.8.8.8']);
    });

    promise('works for its owner', async (t) => {
      const token = await add(t);
      const seen = await bursar.clientOf(token.token).session();
      assert.equal(seen.id, token.id);
      assert.equal(seen.user, session.user().id);
    });
  });

  describe('removal', () => {
    promise('by id shortens the list', async (t) => {
      const { id } = await add(t);
      assert.equal((await session.removeAccessToken({ id })).id, id);
      assert.deepEqual(await session.listAccessTokens(), []);
    });

    promise('by label shortens the list', async (t) => {
      const { id } = await add(t, { label: 'by its label' });
      assert.equal((await session.removeAccessToken({ label: 'by its label' })).id, id);
      assert.deepEqual(await session.listAccessTokens(), []);
    });

    promise('of a label that two tokens share, or none has, is not done', async (t) => {
      await add(t);
      await add(t);
      await assert.rejects(session.removeAccessToken({ label: 'ported' }), /ambiguous/);
      await assert.rejects(session.removeAccessToken({ label: 'nobody' }), /does not exist/);
      assert.equal((await session.listAccessTokens()).length, 2);
    });
  });
});
