'use strict';
// The same as `chain.js` with a node of Bitcoin Core: `bitcoind` where it is on the PATH, on a chain that is thrown away.

const { spawn, spawnSync } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { Door, ELSEWHERE_TOO, freePorts, until } = require('./chain');

const KEY = 'key-of-the-node';
const START_TIMEOUT_MS = 30_000;
const satoshi = (btc) => BigInt(Math.round(btc * 1e8));

class CoreChain {
  static title = 'Bitcoin Core';

  software = 'core';
  signs = 'signrawtransactionwithwallet';
  signing = 'signrawtransactionwithwallet';

  static missing() {
    const found = spawnSync('bitcoind', ['-version'], { stdio: 'ignore' });
    return found.status === 0 ? undefined : 'there is no `bitcoind` on the PATH';
  }

  async start() {
    [this.port] = await freePorts(1);
    this.directory = mkdtempSync(path.join(tmpdir(), 'bursar-bitcoind-'));
    await this.#run();
    // Wallets are under the node, so that both doors are one.
    this.nodeDoor = new Door(this.port, KEY);
    this.walletDoor = this.nodeDoor;
    await this.nodeDoor.open();
  }

  async #run() {
    this.process = spawn('bitcoind', [
      '-regtest', `-datadir=${this.directory}`, '-server', '-listen=0', '-rpcbind=127.0.0.1', '-rpcallowip=127.0.0.1',
      `-rpcport=${this.port}`, '-rpcuser=x', `-rpcpassword=${KEY}`, '-fallbackfee=0.0001', '-persistmempool=0', '-printtoconsole=0',
    ], { stdio: 'ignore' });
    process.once('exit', () => this.process.kill('SIGKILL'));
    await until(() => this.ask('getblockcount').then(() => true, () => false), 'bitcoind answers', START_TIMEOUT_MS);
  }

  async #end() {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    await ended;
  }

  async stop() {
    this.nodeDoor?.close();
    await this.#end();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Asks the node itself, past Bursar. */
  async ask(method, params = [], wallet = undefined) {
    const place = wallet === undefined ? '' : `/wallet/${wallet}`;
    const answer = await fetch(`http://127.0.0.1:${this.port}${place}`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`x:${KEY}`).toString('base64')}` },
      body: JSON.stringify({ jsonrpc: '1.0', id: 1, method, params }),
    });
    const { result, error } = await answer.json();
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  async wallet(id, coins, witness = true) {
    await this.ask('createwallet', [id]);
    const address = await this.ask('getnewaddress', ['', witness ? 'bech32' : 'legacy'], id);
    await this.mine(coins, address);
    await this.mine(101);
  }

  mine(blocks = 1, address = ELSEWHERE_TOO) {
    return this.ask('generatetoaddress', [blocks, address]);
  }

  height() {
    return this.ask('getblockcount');
  }

  async reorganise(blocks) {
    const undone = await this.ask('getblockhash', [(await this.height()) - blocks + 1]);
    await this.ask('invalidateblock', [undone]);
    for (let count = 0; count <= blocks; count += 1) await this.ask('generateblock', [ELSEWHERE_TOO, []]);
  }

  async worth(id) {
    const { mine } = await this.ask('getbalances', [], id);
    return satoshi(mine.trusted) + satoshi(mine.untrusted_pending);
  }

  async coins(id) {
    const coins = await this.ask('listunspent', [0], id);
    return coins.map(({ txid, vout, amount }) => ({ txid, vout, value: satoshi(amount) }));
  }

  async owns(id, address) {
    return (await this.ask('getaddressinfo', [address], id)).ismine;
  }

  changeAddress(id) {
    return this.ask('getrawchangeaddress', [], id);
  }

  async spendsItself(id, { txid, vout, value }) {
    const address = await this.ask('getnewaddress', [], id);
    // For more than anybody else would pay for the same coin: every transaction is replaced here by one with a higher fee.
    const raw = await this.ask('createrawtransaction', [[{ txid, vout }], { [address]: Number(value - 5_000n) / 1e8 }]);
    const { hex } = await this.ask('signrawtransactionwithwallet', [raw], id);
    await this.ask('sendrawtransaction', [hex]);
  }

  sends(id, address, amount) {
    return this.ask('sendtoaddress', [address, Number(amount) / 1e8], id);
  }

  /** The set of coins has no index by address; it is small here. */
  async paid(address) {
    return satoshi((await this.ask('scantxoutset', ['start', [`addr(${address})`]])).total_amount);
  }

  waiting() {
    return this.ask('getrawmempool');
  }

  /** What waits is not kept over a restart. */
  async drop() {
    await this.#end();
    await this.#run();
    for (const id of ['treasury']) await this.ask('loadwallet', [id]).catch(() => {});
  }

  async waits(txid) {
    return (await this.waiting()).includes(txid);
  }
}

module.exports = { CoreChain };
