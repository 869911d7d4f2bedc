'use strict';
// Starts the real binary, hands out unmodified SDK clients for it, and ends only what it started.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { after, before, describe, test } = require('node:test');

/** What the seeded user of the test environment types as a second factor, as often as it likes. */
const OTP = '000000';
const WRONG_OTP = '123456';

/** The scopes of the guide's snippet. */
const GUIDE_SCOPES = [
  'metamask_institutional', 'openid', 'pending_approval_update', 'portfolio_view', 'profile',
  'trade_trade', 'trade_view', 'wallet_approve_all', 'wallet_create', 'wallet_edit_all',
  'wallet_manage_all', 'wallet_spend_all', 'wallet_view_all',
];
const SPENDER_SCOPES = ['wallet_view_all', 'wallet_spend_all'];

/** Addresses outside every sandbox wallet: the test vectors of BIP 173 and EIP 55. */
const ELSEWHERE = {
  tbtc: 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx',
  hteth: '0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed',
};

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;
const TEST_TIMEOUT_MS = 60_000;

/** One running server with data of its own. */
class Bursar {
  constructor(authVersion = 2, flags = []) {
    this.authVersion = authVersion;
    this.flags = flags;
  }

  async start() {
    this.process = spawn(process.env.BURSAR_BIN, ['dev', '--json', '--listen', '127.0.0.1:0', ...this.flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.log = '';
    this.process.stderr.on('data', (chunk) => { this.log = (this.log + chunk).slice(-10_000); });
    Object.assign(this, await this.#readyLine());
  }

  /** Waits for the one JSON line that says the server is ready. */
  #readyLine() {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${why}; its log ends with:\n${this.log}`));
      const timer = setTimeout(() => { this.process.kill('SIGKILL'); fail('bursar was not ready in time'); }, START_TIMEOUT_MS);
      let text = '';
      this.process.once('error', reject);
      this.process.once('exit', (code) => { clearTimeout(timer); fail(`bursar ended with ${code} before it was ready`); });
      this.process.stdout.on('data', (chunk) => {
        text += chunk;
        if (!text.includes('\n')) return;
        clearTimeout(timer);
        this.process.removeAllListeners('exit');
        try {
          resolve(JSON.parse(text.slice(0, text.indexOf('\n'))));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  async stop() {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }

  /** An SDK client that is not logged in. */
  client(options = {}) {
    // Loaded only here: suites without the SDK use this file too.
    const { BitGoAPI } = require('@bitgo/sdk-api');
    return new BitGoAPI({
      env: 'custom', customRootURI: this.url, authVersion: this.authVersion, clientConstants: {}, ...options,
    });
  }

  /** An SDK client that presents this token. */
  clientOf(token) {
    const bitgo = this.client();
    bitgo.authenticateWithAccessToken({ accessToken: token });
    return bitgo;
  }

  /** An SDK client of the seeded user's new session. */
  async login(options = {}) {
    const bitgo = this.client();
    await bitgo.authenticate({ username: this.username, password: this.password, otp: OTP, ...options });
    return bitgo;
  }

  wallet(coin) {
    const wallet = this.wallets.find((candidate) => candidate.coin === coin);
    assert.ok(wallet, `no ${coin} wallet is announced`);
    return wallet;
  }

  /** Creates an access token that is removed when the test ends; a user may hold only so many. */
  async issue(t, session, params = {}) {
    const created = await session.addAccessToken({
      otp: OTP, label: t.name.slice(0, 200), duration: 3600, scope: SPENDER_SCOPES, ...params,
    });
    t.after(() => session.removeAccessToken({ id: created.id }).catch(() => {}));
    return { created, bot: this.clientOf(created.token) };
  }

  /** A request with exactly these bytes; a bearer is sent raw, as curl would. */
  async raw(method, path, { bearer, headers = {}, body } = {}) {
    const answer = await fetch(this.url + path, {
      method,
      body,
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
        ...headers,
      },
      signal: AbortSignal.timeout(TEST_TIMEOUT_MS),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, body: text === '' ? undefined : JSON.parse(text) };
  }
}

/** Asks the wallet of this coin for something: `sendcoins`, `sendmany`, `tx/build`, `tx/send`. */
function ask(bitgo, wallet, verb, body) {
  return bitgo.post(bitgo.url(`/${wallet.coin}/wallet/${wallet.id}/${verb}`, 2)).send(body).result();
}

/** Sends base units to an address elsewhere. */
function send(bitgo, wallet, amount, more = {}) {
  return ask(bitgo, wallet, 'sendcoins', { address: ELSEWHERE[wallet.coin], amount, ...more });
}

/** The error a request is refused with. */
async function refusal(request) {
  let answer;
  try {
    answer = await request;
  } catch (error) {
    return error;
  }
  return assert.fail(`was not refused: ${JSON.stringify(answer)}`);
}

/** A refusal that an unlock would lift (WC §4.4), for this reason. */
async function needsUnlock(request, code) {
  const refused = await refusal(request);
  assert.equal(refused.message, 'needs unlock');
  assert.equal(refused.status, 401);
  assert.equal(refused.needsOTP, true);
  assert.equal(refused.result.needsUnlock, true);
  assert.equal(refused.result.name, 'NeedsUnlock');
  assert.equal(refused.result.context.code, code);
  assert.ok(!refused.invalidToken, 'the token is sound; the client must not throw it away');
  return refused;
}

/** The 401 of a token that cannot be used at all. */
async function unusable(request, code) {
  const refused = await refusal(request);
  assert.equal(refused.status, 401);
  assert.equal(refused.invalidToken, true);
  assert.equal(refused.result.context.code, code);
  return refused;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const promise = (sentence, body, timeout = TEST_TIMEOUT_MS) => test(sentence, { timeout }, body);

/** A suite against a server of its own, once for each of the SDK's ways to sign. */
function conformance(title, body) {
  // Loading the SDK takes seconds on a cold disk; no test shall pay for that out of its own time.
  require('@bitgo/sdk-api');
  for (const authVersion of [2, 3]) suite(`${title} (authVersion ${authVersion})`, new Bursar(authVersion), body);
}

/** A suite against this server, which runs as long as the suite does. */
function suite(title, bursar, body) {
  assert.ok(process.env.BURSAR_BIN, 'BURSAR_BIN must name the bursar binary under test');
  describe(title, () => {
    before(() => bursar.start(), { timeout: START_TIMEOUT_MS + STOP_TIMEOUT_MS });
    after(() => bursar.stop(), { timeout: 2 * STOP_TIMEOUT_MS });
    body(bursar);
  });
}

module.exports = {
  Bursar, OTP, WRONG_OTP, GUIDE_SCOPES, SPENDER_SCOPES, ELSEWHERE,
  ask, send, refusal, needsUnlock, unusable, pause, promise, conformance, suite,
};
