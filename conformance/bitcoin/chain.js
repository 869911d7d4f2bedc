'use strict';
// A private Bitcoin chain in memory: a node of bcoin with its wallets, behind a door that can be held shut.
// What the tests do to a chain has the same names here and in `core.js`.

const http = require('node:http');
const networks = require('bcoin/lib/protocol/networks');

// bcoin has prefixes of its own for addresses of private chains; these are everybody else's.
Object.assign(networks.regtest.addressPrefix, { ...networks.testnet.addressPrefix, bech32: 'bcrt' });
const { Address, FullNode, MTX, wallet: { plugin } } = require('bcoin');

const KEY = 'key-of-the-node';
/** Addresses of nobody: the test vectors of BIP 173. */
const ELSEWHERE = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const ELSEWHERE_TOO = 'bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202';

/**
 * Passes requests on; `meet` may wait before it, and says what becomes of the answer: `'lose'` it on its way back, `'fail'` (500,
 * after it was done), `'garbage'`, `'half'` of it; `'down'` does nothing at all. `{ refuse }` answers in the node's place.
 */
class Door {
  constructor(port, key = KEY) {
    this.meet = async () => {};
    this.key = key;
    this.server = http.createServer((asked, answer) => this.#pass(port, asked, answer).catch(() => answer.destroy()));
  }

  async #pass(port, asked, answer) {
    const chunks = [];
    for await (const chunk of asked) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const asks = body === '' ? {} : JSON.parse(body);
    const told = await this.meet(asks.method ?? asked.url);
    if (told === 'down') return answer.destroy();
    const shown = { 'content-type': 'application/json' };
    if (told?.refuse) {
      const error = { code: -26, message: told.refuse };
      return answer.writeHead(200, shown).end(JSON.stringify({ result: null, error, id: asks.id }));
    }
    const passed = await fetch(`http://127.0.0.1:${port}${asked.url}`, {
      method: asked.method,
      headers: { authorization: asked.headers.authorization, 'content-type': 'application/json' },
      ...(body === '' ? {} : { body }),
    });
    const text = await passed.text();
    if (told === 'lose') return answer.destroy();
    if (told === 'fail') return answer.writeHead(500, shown).end('{"oops":true}');
    if (told === 'garbage') return answer.writeHead(200, shown).end('\u0000<html>{"result":');
    if (told === 'half') {
      answer.writeHead(200, { ...shown, 'content-length': Buffer.byteLength(text) });
      return answer.write(text.slice(0, text.length / 2), () => answer.destroy());
    }
    return answer.writeHead(passed.status, shown).end(text);
  }

  async open() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://x:${this.key}@127.0.0.1:${this.server.address().port}`;
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

class BcoinChain {
  static title = 'bcoin';

  software = 'bcoin';
  /** The call that signs, and what the node is asked when Bursar has it sign. */
  signs = 'signrawtransaction';
  signing = '/wallet/treasury/sign';

  /** Why this cannot be had here; nothing if it can. */
  static missing() {
    return undefined;
  }

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

  /** Makes a wallet with this many coins of 50 BTC that can be spent. */
  async wallet(id, coins, witness = true) {
    const wallet = await this.wallets.create({ id, witness });
    await this.mine(coins, (await wallet.receiveAddress()).toString('regtest'));
    // Coins of miners rest for 100 blocks, and SegWit begins with block 432.
    await this.mine(Math.max(101, 440 - this.node.chain.height));
  }

  async mine(blocks = 1, address = ELSEWHERE_TOO) {
    await this.node.rpc.execute({ method: 'generatetoaddress', params: [blocks, address] });
    await this.#followed();
  }

  /** The wallets follow the chain a moment later. */
  #followed() {
    return until(() => this.wallets.height === this.node.chain.height, 'the wallets follow the chain');
  }

  height() {
    return this.node.chain.height;
  }

  /** A longer branch of empty blocks takes the place of the last ones; what was in them waits to be mined again. */
  async reorganise(blocks) {
    const { chain, miner } = this.node;
    let last = await chain.getEntryByHeight(chain.height - blocks);
    for (let count = 0; count <= blocks; count += 1) {
      last = await chain.add(await miner.cpu.mineBlock(last, ELSEWHERE_TOO));
    }
    await this.#followed();
  }

  /** What a wallet has, in satoshi, unconfirmed included. */
  async worth(id) {
    return BigInt((await (await this.wallets.get(id)).getBalance()).unconfirmed);
  }

  /** What a wallet can spend. */
  async coins(id) {
    const coins = await (await this.wallets.get(id)).getCoins();
    return coins.map((coin) => ({ txid: coin.txid(), vout: coin.index, value: BigInt(coin.value), coin }));
  }

  async owns(id, address) {
    return (await this.wallets.get(id)).hasAddress(Address.fromString(address, 'regtest'));
  }

  async changeAddress(id) {
    return (await (await this.wallets.get(id)).createChange()).getAddress().toString('regtest');
  }

  /** Has the wallet spend one of its coins to itself, past Bursar. */
  async spendsItself(id, { coin }) {
    const wallet = await this.wallets.get(id);
    const other = new MTX();
    other.addCoin(coin);
    other.addOutput(await wallet.receiveAddress(), coin.value - 1000);
    await wallet.sign(other);
    await this.node.sendTX(other.toTX());
  }

  /** Has the wallet send money elsewhere, past Bursar; gives the transaction's id. */
  async sends(id, address, satoshi) {
    const wallet = await this.wallets.get(id);
    const outputs = [{ address: Address.fromString(address, 'regtest'), value: Number(satoshi) }];
    return (await wallet.send({ outputs, rate: 10_000 })).txid();
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

module.exports = { BcoinChain, Door, ELSEWHERE, ELSEWHERE_TOO, freePorts, until };
