'use strict';
// The real server in front of a chain, with wallets and tokens to try it with.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { after, before, describe } = require('node:test');
const { ethers } = require('ethers');
const { Bursar, OTP, SPENDER_SCOPES, pause } = require('../sdk-js/server');
const { Chain, CHAIN_ID, ETHER } = require('./chain');

const START_TIMEOUT_MS = 60_000;
/** How long it may take until a spend whose receipt is final is settled: the server looks every second. */
const SETTLED_WITHIN_MS = 30_000;
const TOKEN_COIN = 'hteth:usdc';

/** A server that has one rail, `local`, and data that is thrown away when it is removed. */
class Gateway extends Bursar {
  constructor(nodeUrl, { confirmations = 1, contract, live = false } = {}) {
    super(2);
    this.directory = mkdtempSync(path.join(tmpdir(), 'bursar-evm-'));
    const rails = path.join(this.directory, 'rails.toml');
    const tokens = contract ? `[rails.local.tokens]\n"${TOKEN_COIN}" = "${contract}"\n` : '';
    writeFileSync(rails, `[rails.local]
kind = "evm"
url = "${nodeUrl}"
${live ? `ws_url = "${nodeUrl.replace('http', 'ws')}"\n` : ''}chain_id = ${CHAIN_ID}
coin = "hteth"
confirmations = ${confirmations}
${tokens}`);
    this.data = path.join(this.directory, 'data');
    this.flags = ['--data-dir', this.data, '--rails', rails];
  }

  async start() {
    await super.start();
    const login = { email: this.username, password: this.password, otp: OTP };
    const { status, body } = await this.raw('POST', '/api/v2/user/login', { body: JSON.stringify(login) });
    assert.equal(status, 200, JSON.stringify(body));
    this.session = body.access_token;
    this.isUp = true;
  }

  /** Ends it as a power cut would, and starts it again on what it left behind. */
  async kill() {
    this.isUp = false;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }

  /** Is killed and started again as soon as each of these counts is reached. */
  async killedAt(counts, count, within) {
    for (const enough of counts) {
      await until(() => count() >= enough, `not ${enough} are acknowledged`, within);
      await this.kill();
      await this.start();
    }
  }

  async remove() {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The SDK that is installed here. */
  client(options = {}) {
    const { BitGoAPI } = require('@bitgo/sdk-api');
    return new BitGoAPI({
      env: 'custom', customRootURI: this.url, authVersion: this.authVersion, clientConstants: {}, ...options,
    });
  }

  /** Registers a wallet with a new key, as an operator does; gives its id, address and key. */
  async wallet(label = 'Treasury') {
    const signer = ethers.Wallet.createRandom();
    const file = path.join(this.directory, `${signer.address}.key`);
    writeFileSync(file, signer.privateKey.slice(2), { mode: 0o600 });
    const added = await this.addWallet(label, '--key-file', file);
    return { id: added.id, address: signer.address, signer };
  }

  /** Registers a wallet whose key the node has. */
  async nodeWallet(address, label = 'Treasury') {
    return this.addWallet(label, '--reference', address);
  }

  /** `bursar wallet add`; it rejects with what the command printed. */
  async addWallet(label, ...how) {
    const words = ['--json', 'wallet', 'add', '--data-dir', this.data, '--rail', 'local', '--coin', 'hteth'];
    const about = ['--label', label, '--owner', this.username, ...how];
    const { stdout } = await promisify(execFile)(process.env.BURSAR_BIN, [...words, ...about]);
    return JSON.parse(stdout);
  }

  /** Asks the native interface as the person whose server it is. */
  async native(method, route, body, bearer = this.session) {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    return this.raw(method, `/bursar/v1${route}`, { bearer, body: sent });
  }

  /** A token with these limits; it is removed when the test ends, as a user may hold only so many. */
  async token(t, limits, more = {}) {
    const wanted = { label: t.name.slice(0, 100), otp: OTP, scope: SPENDER_SCOPES, limits, duration: 3600, ...more };
    // One after the other: of two at once that change what a user has, one would have to be asked for again.
    const making = (this.making ?? Promise.resolve()).then(() => this.native('POST', '/tokens', wanted));
    this.making = making.catch(() => {});
    const { status, body } = await making;
    assert.equal(status, 201, JSON.stringify(body));
    t.after(() => this.native('DELETE', `/tokens/${body.id}`).catch(() => {}));
    return { id: body.id, text: body.token };
  }

  /** A client of the node, as ethers has it, with a token in place of credentials; it ends with the test. */
  provider(t, token) {
    const request = new ethers.FetchRequest(`${this.url}/rail/local`);
    request.setHeader('authorization', `Bearer ${token.text}`);
    const options = { staticNetwork: ethers.Network.from(CHAIN_ID), batchMaxCount: 1, cacheTimeout: -1, pollingInterval: 100 };
    const provider = new ethers.JsonRpcProvider(request, CHAIN_ID, options);
    t.after(() => provider.destroy());
    return provider;
  }

  /** Exactly these bytes, to the rail. */
  async post(token, body, headers = {}) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.raw('POST', '/rail/local', { bearer: token.text, body: text, headers });
  }

  /** One call; gives what the server answered to it, result or error. */
  async call(token, method, params = [], headers = {}) {
    const { body } = await this.post(token, { jsonrpc: '2.0', id: 1, method, params }, headers);
    return body;
  }

  send(token, transaction, headers = {}) {
    return this.call(token, 'eth_sendTransaction', [transaction], headers);
  }

  /** All spends of a token, the newest first. */
  async spends(token) {
    const all = [];
    let next;
    do {
      const page = next === undefined ? '' : `?prevId=${next}`;
      const { status, body } = await this.native('GET', `/tokens/${token.id}/spends${page}`);
      assert.equal(status, 200, JSON.stringify(body));
      all.push(...body.spends);
      next = body.next ?? undefined;
    } while (next !== undefined);
    return all;
  }

  /** What a token's first limit has counted: captured and held. */
  async counted(token, place = 0) {
    const { body } = await this.native('GET', `/tokens/${token.id}/limits`);
    const { captured, held } = body.limits[place];
    return { captured: BigInt(captured), held: BigInt(held), sum: BigInt(captured) + BigInt(held) };
  }

  /** Waits until no spend of a token is held any more. */
  async settled(token, within = SETTLED_WITHIN_MS) {
    return until(async () => {
      const spends = await this.spends(token);
      return spends.every(({ state }) => state === 'captured' || state === 'released') && spends;
    }, 'a spend stays unsettled', within);
  }
}

/** Waits for something to become true. */
async function until(look, complaint, within = SETTLED_WITHIN_MS) {
  const end = Date.now() + within;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${complaint}, after ${within} ms`);
    await pause(100);
  }
}

/** The refusal in an answer; it must be one of these by its code. */
function refusedWith(answer, ...codes) {
  assert.ok(answer.error, `was not refused: ${JSON.stringify(answer)}`);
  assert.equal(answer.result, undefined);
  assert.ok(codes.includes(answer.error.data?.code), JSON.stringify(answer.error));
  return answer.error;
}

/** The hash in an answer to a spend, once it is mined and succeeded. */
async function mined(chain, answer) {
  const hash = resultOf(answer);
  assert.equal((await chain.mined(hash)).status, '0x1');
  return hash;
}

/** The result in an answer. */
function resultOf(answer) {
  assert.ok(answer.result !== undefined, JSON.stringify(answer));
  return answer.result;
}

/** Suites on one chain and one server, which run as long as the suite does. */
function onChain(title, options, body) {
  assert.ok(process.env.BURSAR_BIN, 'BURSAR_BIN must name the bursar binary under test');
  describe(title, options.node ?? {}, () => {
    const world = { chain: new Chain() };
    before(async () => {
      await world.chain.start();
      world.contract = await world.chain.deployCoin();
      const url = options.through ? await options.through(world) : world.chain.url;
      world.gateway = new Gateway(url, { contract: world.contract, ...options });
      await world.gateway.start();
    }, { timeout: START_TIMEOUT_MS });
    after(async () => {
      await world.gateway?.remove();
      await world.proxy?.stop();
      await world.chain.stop();
    }, { timeout: START_TIMEOUT_MS });
    body(world);
  });
}

/** A wallet with money of its own, a token with limits, and who has neither. */
async function spender({ chain, gateway }, t, limits = ['hteth 1/day'], more = {}) {
  const wallet = await gateway.wallet(t.name.slice(0, 100));
  await chain.fund(wallet.address, 100n * ETHER);
  const token = await gateway.token(t, limits, more);
  return { wallet, token, from: wallet.address };
}

module.exports = { Gateway, OTP, TOKEN_COIN, mined, onChain, pause, refusedWith, resultOf, spender, until };
