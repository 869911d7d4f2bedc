'use strict';
// The account behind the tokens: settings, ECDH keychain, extensible sessions, password, freeze.

const assert = require('node:assert/strict');
const { OTP, SPENDER_SCOPES, Bursar, send, refusal, promise, conformance } = require('../server');

const DAY_S = 86_400;

conformance('settings and the ECDH keychain', (bursar) => {
  promise('a first login that asks for it makes the keychain, and it can be read back', async () => {
    const before = await (await bursar.login()).get(bursar.url + '/api/v1/user/settings').result();
    assert.equal(typeof before.settings, 'object');
    assert.ok(!before.settings.ecdhKeychain);

    const bitgo = bursar.client();
    const answer = await bitgo.authenticate({
      username: bursar.username, password: bursar.password, otp: OTP, ensureEcdhKeychain: true,
    });
    const { ecdhKeychain } = answer.user;
    assert.match(ecdhKeychain, /^[xt]pub/);
    for (const version of [1, 2]) {
      const { settings } = await bitgo.get(bitgo.url('/user/settings', version)).result();
      assert.equal(settings.ecdhKeychain, ecdhKeychain);
    }
    await bitgo.unlock({ otp: OTP });
    const keychain = await bitgo.getECDHKeychain();
    assert.equal(keychain.xpub, ecdhKeychain);
    const xprv = bitgo.decrypt({ input: keychain.encryptedXprv, password: bursar.password });
    assert.match(xprv, /^[xt]prv/);
  });

  promise('a login and a token issued by ECDH are opened by the SDK', async (t) => {
    const own = new Bursar(bursar.authVersion, ['--ecdh-issuance']);
    t.after(() => own.stop());
    await own.start();
    const bitgo = own.client({ serverXpub: own.serverXpub });
    const login = { username: own.username, password: own.password, otp: OTP, ensureEcdhKeychain: true };
    await bitgo.authenticate(login);
    assert.equal(bitgo.toJSON().ecdhXprv, undefined, 'the first login has no key yet');

    const again = own.client({ serverXpub: own.serverXpub });
    await again.authenticate(login);
    const { token, ecdhXprv } = again.toJSON();
    assert.match(token, /^v2x[0-9a-f]{64}$/);
    assert.match(ecdhXprv, /^[xt]prv/);
    const created = await again.addAccessToken({ otp: OTP, label: 'by ECDH', duration: 600, scope: SPENDER_SCOPES });
    assert.match(created.derivationPath, /^m?(\/?\d+)+$/);
    assert.equal(typeof created.encryptedToken, 'string');
    assert.match(created.token, /^v2x[0-9a-f]{64}$/);
    assert.equal((await own.clientOf(created.token).session()).id, created.id);
  });
});

conformance('an extensible session', (bursar) => {
  promise('is extended by ten days with its key, and not by twenty', async () => {
    const bitgo = await bursar.login({ extensible: true });
    const before = await bitgo.session();
    assert.equal(before.isExtensible, true);
    assert.equal(typeof before.extensionAddress, 'string');

    const answer = await bitgo.extendToken({ duration: 10 * DAY_S });
    assert.equal(answer.isExtensible, true);
    assert.equal(answer.extensionAddress, before.extensionAddress);
    const { expires } = await bitgo.session();
    assert.ok(Math.abs(Date.parse(expires) - Date.now() - 10 * DAY_S * 1000) < 60_000);

    const refused = await refusal(bitgo.extendToken({ duration: 20 * DAY_S }));
    assert.equal(refused.status, 400);
  });

  promise('is not extended with the key of another', async () => {
    const bitgo = await bursar.login({ extensible: true });
    const other = await bursar.login({ extensible: true });
    // `fromJSON` of this client reads no testnet key back, so the key is put where it would put it.
    bitgo._extensionKey = other._extensionKey;
    const refused = await refusal(bitgo.extendToken({ duration: DAY_S }));
    assert.ok([400, 401, 403].includes(refused.status), `${refused.status}`);
  });
});

conformance('a change of password', (bursar) => {
  promise('follows the steps of the SDK, and then only the new one logs in', async () => {
    const bitgo = await bursar.login();
    await bitgo.unlock({ otp: OTP });
    const newPassword = 'quite another password';
    assert.equal(await bitgo.verifyPassword({ password: bursar.password }), true);
    const v1 = await bitgo.keychains().updatePassword({ oldPassword: bursar.password, newPassword });
    assert.equal(typeof v1.keychains, 'object');
    assert.equal(typeof v1.version, 'number');
    const { keys } = await bitgo.get(bitgo.url('/tbtc/key', 2)).query({ limit: 500 }).result();
    assert.ok(Array.isArray(keys));
    const batching = await bitgo.get(bitgo.url('/user/checkBatchingPasswordFlow', 2)).query({ payloadSize: '1' }).result();
    assert.equal(batching.isBatchingFlowEnabled, false);

    const proof = (password) => bitgo.calculateHMAC(bitgo.user().username, password);
    const change = (oldPassword, password) =>
      bitgo
        .post(bitgo.url('/user/changepassword'))
        .send({ ...v1, v2_keychains: {}, oldPassword: proof(oldPassword), password: proof(password) })
        .result();
    const wrong = await refusal(change('not the password', newPassword));
    assert.ok([400, 401].includes(wrong.status));
    await change(bursar.password, newPassword);
    const refused = await refusal(bursar.login());
    assert.match(refused.message, /invalid_grant/);
    await bursar.login({ password: newPassword });
  });
});

conformance('a freeze', (bursar) => {
  promise('needs an unlocked session and stops every token of the user', async (t) => {
    const session = await bursar.login();
    const { bot } = await bursar.issue(t, session, { spendingLimits: [{ coin: 'tbtc', txValueLimit: '1000' }] });
    await send(bot, bursar.wallet('tbtc'), '1');
    const freeze = () => session.post(session.url('/user/freeze', 2)).result();
    assert.equal((await refusal(freeze())).status, 401);
    await session.unlock({ otp: OTP });
    await freeze();
    const refused = await refusal(send(bot, bursar.wallet('tbtc'), '2'));
    assert.ok([401, 403, 423].includes(refused.status), `${refused.status}`);
    assert.equal(refused.result.context.code, 'owner_frozen');
    assert.match(refused.message, /frozen/i);
  });
});
