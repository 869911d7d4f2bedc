'use strict';
// The real server in front of a private chain, with a wallet of the node and tokens to try it with.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { after, before, describe } = require('node:test');
const { promisify } = require('node:util');
const { Bursar, OTP, SPENDER_SCOPES } = require('../sdk-js/server');
const { BcoinChain, until } = require('./chain');
const { CoreChain } = require('./core');

const run = promisify(execFile);
const BTC = 100_000_000n;
/** 1 BTC is the most that a token of these tests may spend, unless it says otherwise. */
const LIMIT = [{ coin: 'tbtc', txValueLimit: `${BTC}` }];
const START_TIMEOUT_MS = 60_000;

/** A server with one rail, and the wallet `treasury`. Its functions need no `this`. */
function worldOf(chain, { coins = 20, confirmations = 2, flags = [] }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'bursar-bitcoin-'));
  const data = path.join(folder, 'data');
  const rails = path.join(folder, 'rails.toml');
  const bursar = new Bursar(2, ['--data-dir', data, '--rails', rails, ...flags]);
  const world = { chain, bursar, data };

  /** Registers a wallet of the node, as the operator of the machine. */
  world.add = async (reference, coin = 'tbtc') => {
    const words = ['wallet', 'add', '--json', '--rail', 'bitcoin', '--coin', coin, '--label', 'Treasury',
      '--owner', bursar.username, '--reference', reference, '--data-dir', data];
    return JSON.parse((await run(process.env.BURSAR_BIN, words)).stdout);
  };

  const login = async () => {
    const body = JSON.stringify({ email: bursar.username, password: bursar.password, otp: OTP });
    world.session = (await bursar.raw('POST', '/api/v2/user/login', { body })).body.access_token;
  };

  world.start = async () => {
    await chain.start();
    await chain.wallet('treasury', coins);
    // Where the wallets are under the node itself there is one URL.
    const places = Object.entries({ url_file: chain.nodeDoor, wallet_url_file: chain.walletDoor })
      .filter(([key, door]) => key === 'url_file' || door !== chain.nodeDoor);
    for (const [key, door] of places) writeFileSync(path.join(folder, key), door.url, { mode: 0o600 });
    writeFileSync(rails, [
      '[rails.bitcoin]', 'kind = "bitcoin"', `software = "${chain.software}"`, 'network = "regtest"',
      `confirmations = ${confirmations}`, ...places.map(([key]) => `${key} = "${key}"`),
      '[rail_hosts]', 'localhost = "bitcoin"', '',
    ].join('\n'));
    await bursar.start();
    world.walletId = (await world.add('treasury')).id;
    await login();
  };

  world.stop = async () => {
    await bursar.stop();
    await chain.stop();
    rmSync(folder, { recursive: true, force: true });
  };

  /** Ends the server at once, as a power cut would, and starts it on the same data. */
  world.restart = async () => {
    const ended = new Promise((resolve) => bursar.process.once('exit', resolve));
    bursar.process.kill('SIGKILL');
    await ended;
    await bursar.start();
    await login();
  };

  /** Asks as the person whose server it is. */
  world.raw = (method, route, body) => bursar.raw(method, route, {
    bearer: world.session, body: body === undefined ? undefined : JSON.stringify(body),
  });

  world.issued = async (spendingLimits = LIMIT, scope = SPENDER_SCOPES) => {
    const wanted = { otp: OTP, label: 'bitcoin', duration: 3600, scope, spendingLimits };
    const answer = await world.raw('POST', '/api/v2/user/accesstoken', wanted);
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  };

  world.issue = async (...wishes) => (await world.issued(...wishes)).token;

  /** Exactly these bytes, to the rail, as a node's own clients send them: the token is the password. */
  world.post = (token, body, headers = {}) => {
    const authorization = `Basic ${Buffer.from(`anybody:${token}`).toString('base64')}`;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return bursar.raw('POST', '/rail/bitcoin', { body: text, headers: { authorization, ...headers } });
  };

  world.call = async (token, method, params = [], headers = {}) => {
    const { status, body } = await world.post(token, { jsonrpc: '1.0', id: 'x', method, params }, headers);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.id, 'x');
    return body;
  };

  world.done = async (token, method, params, headers) => {
    const { result, error } = await world.call(token, method, params, headers);
    assert.equal(error, null, JSON.stringify(error));
    return result;
  };

  world.refusal = async (token, method, params) => {
    const { result, error } = await world.call(token, method, params);
    assert.equal(result, null, method);
    return error;
  };

  world.sendcoins = (token, fields) => bursar.raw('POST', `/api/v2/tbtc/wallet/${world.walletId}/sendcoins`, {
    bearer: token, body: JSON.stringify(fields),
  });

  /** The spends of a token, the newest first. */
  world.spends = async ({ id }) => {
    const all = [];
    for (let next = ''; next !== undefined;) {
      const { status, body, text } = await world.raw('GET', `/bursar/v1/tokens/${id}/spends${next}`);
      assert.equal(status, 200, text);
      all.push(...body.spends);
      next = body.next ? `?prevId=${body.next}` : undefined;
    }
    return all;
  };

  /** What a token's last spend became, once it is settled. */
  world.settled = (token, within) => until(async () => {
    const [last] = await world.spends(token);
    return ['captured', 'released'].includes(last?.state) && last;
  }, 'the spend is settled', within);

  return world;
}

/** A suite on a private chain of every node that is there, or of the one that is asked for, which runs as long as the suite does. */
function onChain(title, options, body) {
  assert.ok(process.env.BURSAR_BIN, 'BURSAR_BIN must name the bursar binary under test');
  const wanted = process.env.BURSAR_BITCOIN_NODE;
  for (const [node, Chain] of Object.entries({ bcoin: BcoinChain, core: CoreChain })) {
    if (wanted !== undefined && wanted !== node) continue;
    const missing = Chain.missing();
    describe(`${title} (${Chain.title})`, { skip: missing ?? false }, () => {
      const world = worldOf(new Chain(), options);
      before(() => world.start(), { timeout: START_TIMEOUT_MS });
      after(() => world.stop(), { timeout: START_TIMEOUT_MS });
      body(world);
    });
  }
}

module.exports = { BTC, LIMIT, onChain };
