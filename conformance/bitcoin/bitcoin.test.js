'use strict';
// Spends on a private chain through Bursar: by calls as a node's own clients make them, and by BitGo's routes.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { after, before, describe } = require('node:test');
const { promisify } = require('node:util');
const { Bursar, OTP, promise } = require('../sdk-js/server');
const { Chain, ELSEWHERE, ELSEWHERE_TOO, until } = require('./chain');

const run = promisify(execFile);
const BTC = 100_000_000n;
/** 1 BTC is the most that a token of these tests may spend, unless it says otherwise. */
const LIMIT = [{ coin: 'tbtc', txValueLimit: `${BTC}` }];

describe('wallets of a Bitcoin node', () => {
  const chain = new Chain();
  const folder = mkdtempSync(path.join(tmpdir(), 'bursar-bitcoin-'));
  const data = path.join(folder, 'data');
  const rails = path.join(folder, 'rails.toml');
  const bursar = new Bursar(2, ['--data-dir', data, '--rails', rails]);
  let money;
  let walletId;
  let session;

  before(async () => {
    await chain.start();
    money = await chain.wallet('treasury', 20);
    writeFileSync(path.join(folder, 'node'), chain.nodeDoor.url, { mode: 0o600 });
    writeFileSync(path.join(folder, 'wallet'), chain.walletDoor.url, { mode: 0o600 });
    writeFileSync(rails, [
      '[rails.bitcoin]', 'kind = "bitcoin"', 'software = "bcoin"', 'network = "regtest"', 'confirmations = 2',
      'url_file = "node"', 'wallet_url_file = "wallet"', '',
    ].join('\n'));
    await bursar.start();
    walletId = (await add('treasury')).id;
    session = await login();
  }, { timeout: 60_000 });

  after(async () => {
    await bursar.stop();
    await chain.stop();
    rmSync(folder, { recursive: true, force: true });
  }, { timeout: 20_000 });

  /** Registers a wallet of the node, as the operator of the machine. */
  async function add(reference) {
    const words = ['wallet', 'add', '--json', '--rail', 'bitcoin', '--coin', 'tbtc', '--label', 'Treasury',
      '--owner', bursar.username, '--reference', reference, '--data-dir', data];
    return JSON.parse((await run(process.env.BURSAR_BIN, words)).stdout);
  }

  async function login() {
    const body = JSON.stringify({ email: bursar.username, password: bursar.password, otp: OTP });
    return (await bursar.raw('POST', '/api/v2/user/login', { body })).body.access_token;
  }

  async function issue(spendingLimits = LIMIT) {
    const body = JSON.stringify({
      otp: OTP, label: 'bitcoin', duration: 3600, scope: ['wallet_view_all', 'wallet_spend_all'], spendingLimits,
    });
    const issued = await bursar.raw('POST', '/api/v2/user/accesstoken', { bearer: session, body });
    assert.equal(issued.status, 200, issued.text);
    return issued.body.token;
  }

  /** A call as a node's own clients make it: the token is the password. */
  async function call(token, method, params = [], headers = {}) {
    const authorization = `Basic ${Buffer.from(`anybody:${token}`).toString('base64')}`;
    const body = JSON.stringify({ jsonrpc: '1.0', id: 'x', method, params });
    const { status, body: answer } = await bursar.raw('POST', '/rail/bitcoin', { body, headers: { authorization, ...headers } });
    assert.equal(status, 200, JSON.stringify(answer));
    assert.equal(answer.id, 'x');
    return answer;
  }

  async function done(token, method, params, headers) {
    const { result, error } = await call(token, method, params, headers);
    assert.equal(error, null, JSON.stringify(error));
    return result;
  }

  async function refusal(token, method, params) {
    const { result, error } = await call(token, method, params);
    assert.equal(result, null, method);
    return error;
  }

  const sendcoins = (token, fields) => bursar.raw('POST', `/api/v2/tbtc/wallet/${walletId}/sendcoins`, {
    bearer: token, body: JSON.stringify(fields),
  });

  /** What a spend became, once it is settled. */
  async function settled(reference) {
    return until(async () => {
      const { body } = await bursar.raw('GET', '/bursar/v1/spends', { bearer: session });
      return body.spends.find((spend) => spend.reference === reference);
    }, `${reference} is settled`);
  }

  promise('a wallet is registered by its name in the node, once, and none that the node does not have', async () => {
    await assert.rejects(add('treasury'), /registered already/);
    for (const name of ['nobody', '..', 'treasury/../primary', '']) await assert.rejects(add(name), name);
    const { body } = await bursar.raw('GET', `/api/v2/tbtc/wallet/${walletId}`, { bearer: session });
    assert.equal(body.balanceString, `${1000n * BTC}`);
  });

  promise('a spend within the limit moves what is held, to the satoshi', async () => {
    const token = await issue();
    const [mine, theirs] = [await chain.worth(money), await chain.paid(ELSEWHERE)];
    const txid = await done(token, 'sendtoaddress', [ELSEWHERE, 0.12345678]);
    assert.match(txid, /^[0-9a-f]{64}$/);
    await until(() => chain.transaction(txid), 'the node has the transaction');
    await chain.mine(2);
    const spend = await settled(txid);
    assert.equal(await chain.paid(ELSEWHERE) - theirs, 12_345_678n);
    assert.equal(mine - await chain.worth(money), 12_345_678n + BigInt(spend.fee), JSON.stringify(spend));
    assert.equal(spend.state, 'captured');
  });

  promise('`sendcoins` spends from the same wallet', async () => {
    const token = await issue();
    const theirs = await chain.paid(ELSEWHERE);
    const sent = await sendcoins(token, { address: ELSEWHERE, amount: '50000' });
    assert.equal(sent.status, 200, sent.text);
    await until(() => chain.transaction(sent.body.txid), 'the node has the transaction');
    await chain.mine(2);
    assert.equal((await settled(sent.body.txid)).state, 'captured');
    assert.equal(await chain.paid(ELSEWHERE) - theirs, 50_000n);
  });

  promise('above the limit nothing moves, and the reason is told', async () => {
    const token = await issue();
    const mine = await chain.worth(money);
    const refused = await refusal(token, 'sendtoaddress', [ELSEWHERE, 1]);
    assert.equal(refused.data.code, 'limit_exceeded', JSON.stringify(refused));
    assert.equal((await sendcoins(token, { address: ELSEWHERE, amount: `${BTC}` })).status, 401);
    assert.equal((await refusal(await issue([]), 'sendtoaddress', [ELSEWHERE, 0.1])).data.code, 'no_limit_for_coin');
    assert.equal(chain.node.mempool.map.size, 0);
    assert.equal(await chain.worth(money), mine);
  });

  promise('what is no read, and what shows keys or moves money in other ways, is refused by name', async () => {
    const token = await issue();
    for (const [method, params] of [
      ['dumpprivkey', [ELSEWHERE]], ['importprivkey', ['x']], ['walletpassphrase', ['x', 1]], ['lockunspent', [true]],
      ['selectwallet', ['primary']], ['settxfee', [1]], ['sendfrom', ['', ELSEWHERE, 1]], ['stop', []],
      ['generate', [1]], ['zap', []], ['sendtoaddress', [ELSEWHERE, '1e-3']], ['sendtoaddress', ['nobody', 0.1]],
      ['sendtoaddress', [ELSEWHERE, -0.1]], ['sendtoaddress', [ELSEWHERE, 0.000000001]],
    ]) {
      const refused = await refusal(token, method, params);
      assert.ok(refused.code < 0 && refused.message !== '', method);
    }
    assert.equal(chain.node.mempool.map.size, 0);
  });

  promise('reads are answered by the node', async () => {
    const token = await issue();
    assert.equal(await done(token, 'getblockcount'), chain.node.chain.height);
    const refused = await refusal(token, 'getbalance');
    assert.match(refused.message, /another wallet selected/, 'it would be that of another wallet');
  });
});
