'use strict';
// A wallet with shared keys (TSS) behind a rail: the SDK's own code asks for transaction requests, signs and delivers them.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { after, before, describe } = require('node:test');
const { promisify } = require('node:util');
const { Bursar, ELSEWHERE, refusal, promise } = require('../server');
const { Upstream, TOKEN, WALLET } = require('../upstream');

const FEE = 50;

/** A server in front of a double of BitGo, with the double's wallet registered. */
async function open(upstream, authVersion) {
  const directory = mkdtempSync(path.join(tmpdir(), 'bursar-shared-keys-'));
  writeFileSync(path.join(directory, 'up.token'), TOKEN, { mode: 0o600 });
  writeFileSync(path.join(directory, 'rails.toml'), `[rails.up]
kind = "bitgo"
url = "${upstream.url}"
token_file = "up.token"
coin = "tbtc"
fees_per_spend = "0.0000005"
fees_per_day = "0.0001"
`);
  const data = path.join(directory, 'data');
  const bursar = new Bursar(authVersion, ['--data-dir', data, '--rails', path.join(directory, 'rails.toml')]);
  await bursar.start();
  const add = ['wallet', 'add', '--json', '--data-dir', data, '--rail', 'up', '--coin', 'tbtc', '--label', 'Shared', '--reference', WALLET];
  const { stdout } = await promisify(execFile)(process.env.BURSAR_BIN, [...add, '--owner', bursar.username]);
  return { bursar, directory, wallet: JSON.parse(stdout).id };
}

for (const authVersion of [2, 3]) {
  describe(`wallets with shared keys (authVersion ${authVersion})`, () => {
    const upstream = new Upstream();
    let house;
    before(async () => {
      await upstream.start();
      house = await open(upstream, authVersion);
    });
    after(async () => {
      await house.bursar.stop();
      await upstream.stop();
      rmSync(house.directory, { recursive: true, force: true });
    });

    /** The SDK's own way with such a wallet, for a coin that it needs no module of. */
    function sdk(bitgo) {
      const { EddsaUtils } = require('@bitgo/sdk-core');
      const coin = { getChain: () => 'tbtc', getFamily: () => 'btc', isEVM: () => false, supportsTss: () => true, setCoinSpecificFieldsInIntent: () => {}, url: (place) => bitgo.url(`/tbtc${place}`, 2) };
      return new EddsaUtils(bitgo, coin, { id: () => house.wallet });
    }

    const pay = (utils, amount, sequenceId) => {
      const { RequestTracer } = require('@bitgo/sdk-core');
      const recipients = [{ address: ELSEWHERE.tbtc, amount }];
      return utils.prebuildTxWithIntent({ reqId: new RequestTracer(), intentType: 'payment', sequenceId, recipients }, 'full', false);
    };

    promise('a payment is held when it is asked for, and its token alone signs and delivers it', async (t) => {
      const { commonTssMethods, RequestType, getTxRequest } = require('@bitgo/sdk-core');
      const session = await house.bursar.login();
      const limit = { spendingLimits: [{ coin: 'tbtc', txValueLimit: String(2000 + FEE) }] };
      const { bot } = await house.bursar.issue(t, session, limit);
      const { bot: other } = await house.bursar.issue(t, session, limit);

      const request = await pay(sdk(bot), '1500', 'rent');
      assert.equal(request.walletId, house.wallet);
      assert.equal((await getTxRequest(bot, house.wallet, request.txRequestId)).txRequestId, request.txRequestId);
      assert.equal((await pay(sdk(bot), '1500', 'rent')).txRequestId, request.txRequestId, 'one name is one request');
      const over = await refusal(pay(sdk(bot), '600', 'more'));
      assert.equal(over.result.context.code, 'limit_exceeded', 'it counts before it is signed');
      assert.equal(upstream.requests.length, 1, 'nothing else was asked for');

      const sign = (bitgo, id) => commonTssMethods.sendSignatureShareV2(bitgo, house.wallet, id, [], RequestType.tx, 'ecdsa', 'key', undefined, 'MPCv2');
      const send = (bitgo, id) => commonTssMethods.sendTxRequest(bitgo, house.wallet, id, RequestType.tx);
      for (const [bitgo, id] of [[other, request.txRequestId], [bot, '0b6f-99']]) {
        assert.equal((await refusal(sign(bitgo, id))).result.context.code, 'not_supported');
        assert.equal((await refusal(send(bitgo, id))).result.context.code, 'not_supported');
      }
      assert.equal((await sign(bot, request.txRequestId)).txRequestId, request.txRequestId);
      assert.equal((await send(bot, request.txRequestId)).state, 'delivered');
      assert.ok(upstream.heard.every(({ headers }) => !JSON.stringify(headers).includes(bot.toJSON().token)), 'no client\'s token leaves');
    });

    promise('messages are not signed, and what is no payment is refused with its reason', async (t) => {
      const { bot } = await house.bursar.issue(t, await house.bursar.login(), { spendingLimits: [{ coin: 'tbtc', txValueLimit: '2000' }] });
      const asked = upstream.heard.filter(({ method }) => method === 'POST').length;
      const utils = sdk(bot);
      const message = utils.createTxRequestWithIntentForMessageSigning({ intentType: 'signMessage', messageRaw: 'x', isTss: true });
      assert.equal((await refusal(message)).result.context.code, 'method_withheld');
      const token = utils.prebuildTxWithIntent({ intentType: 'transferToken', tokenName: 'x' }, 'full');
      assert.equal((await refusal(token)).result.context.code, 'not_supported');
      assert.equal(upstream.heard.filter(({ method }) => method === 'POST').length, asked, 'the upstream heard of neither');
    });
  });
}
