'use strict';
// A private Bitcoin chain in memory: a node of bcoin with its wallets, behind a door that can be held shut.

const http = require('node:http');
const networks = require('bcoin/lib/protocol/networks');

// bcoin has prefixes of its own for addresses of private chains; these are everybody else's.
Object.assign(networks.regtest.addressPrefix, { ...networks.testnet.addressPrefix, bech32: 'bcrt' });
const { FullNode, wallet: { plugin } } = require('bcoin');

const KEY = 'key-of-the-node';
const AUTHORIZATION = `Basic ${Buffer.from(`x:${KEY}`).toString('base64')}`;
/** Addresses of nobody: the test vectors of BIP 173. */
const ELSEWHERE = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const ELSEWHERE_TOO = 'bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202';

/** Passes requests on; `meet` may wait before it, and says with `'lose'` that the answer is lost on its way back. */
class Door {
  constructor(port) {
    this.meet = async () => {};
    this.server = http.createServer((asked, answer) => this.#pass(port, asked, answer).catch(() => answer.destroy()));
  }

  async #pass(port, asked, answer) {
    const chunks = [];
    for await (const chunk of asked) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const what = asked.url === '/' ? JSON.parse(body).method : asked.url;
    const told = await this.meet(what);
    const passed = await fetch(`http://127.0.0.1:${port}${asked.url}`, {
      method: asked.method,
      headers: { authorization: asked.headers.authorization, 'content-type': 'application/json' },
      ...(body === '' ? {} : { body }),
    });
    const text = await passed.text();
    if (told === 'lose') return answer.destroy();
    answer.writeHead(passed.status, { 'content-type': 'application/json' });
    return answer.end(text);
  }

  async open() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://x:${KEY}@127.0.0.1:${this.server.address().port}`;
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

class Chain {
  async start() {
    const [httpPort, walletHttpPort] = await freePorts(2);
    this.node = new FullNode({
      network: 'regtest', memory: true, apiKey: KEY, listen: false, httpPort, walletHttpPort, plugins: [plugin],
      indexAddress: true, workers: false, logLevel: 'none', config: false, argv: false, env: false,
    });
    // What it does not take it also says to whoever asks.
    this.node.on('error', () => {});
    await this.node.open();
    this.wallets = this.node.require('walletdb').wdb;
    [this.nodeDoor, this.walletDoor] = [new Door(httpPort), new Door(walletHttpPort)];
    await Promise.all([this.nodeDoor.open(), this.walletDoor.open()]);
  }

  async stop() {
    this.nodeDoor.close();
    this.walletDoor.close();
    await this.node.close();
  }

  /** A wallet with this many coins of 50 BTC that can be spent. */
  async wallet(id, coins, witness = true) {
    const wallet = await this.wallets.create({ id, witness });
    await this.mine(coins, (await wallet.receiveAddress()).toString('regtest'));
    // Coins of miners rest for 100 blocks, and SegWit begins with block 432.
    await this.mine(Math.max(101, 440 - this.node.chain.height));
    return wallet;
  }

  async mine(blocks = 1, address = ELSEWHERE_TOO) {
    await this.node.rpc.execute({ method: 'generatetoaddress', params: [blocks, address] });
    // The wallets follow the chain a moment later.
    await until(() => this.wallets.height === this.node.chain.height, 'the wallets follow the chain');
  }

  /** What a wallet has, in satoshi, unconfirmed included. */
  async worth(wallet) {
    return BigInt((await wallet.getBalance()).unconfirmed);
  }

  /** What an address was paid in blocks, in satoshi. */
  async paid(address) {
    const coins = await this.node.getCoinsByAddress(address);
    return coins.reduce((sum, coin) => sum + BigInt(coin.value), 0n);
  }

  /** The transactions that wait to be mined. */
  waiting() {
    return this.node.rpc.execute({ method: 'getrawmempool', params: [] });
  }

  /** Forgets what waits to be mined, as nodes do after a while. */
  async drop() {
    await this.node.mempool.reset();
  }

  async waits(txid) {
    return (await this.waiting()).includes(txid);
  }
}

async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
    const server = http.createServer().listen(0, '127.0.0.1', () => resolve(server));
  })));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Waits for something that comes about by itself. */
async function until(check, what, within = 8_000) {
  const end = Date.now() + within;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`did not come about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

module.exports = { Chain, AUTHORIZATION, ELSEWHERE, ELSEWHERE_TOO, KEY, until };
