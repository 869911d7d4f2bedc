// Starts what the example needs: a chain of test money, Bursar in front of it, a wallet and a token.
const { execFile, spawn } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const http = require('node:http');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const networks = require('bcoin/lib/protocol/networks');

// bcoin has prefixes of its own for addresses of private chains; these are everybody else's.
Object.assign(networks.regtest.addressPrefix, { ...networks.testnet.addressPrefix, bech32: 'bcrt' });
const { FullNode, wallet: { plugin } } = require('bcoin');

const SATOSHI = 100_000_000;
/** An address of nobody: a test vector of BIP 173. */
const ELSEWHERE = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
/** Who mines what is no coin of the wallet's. */
const MINER = 'bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202';
const KEY = 'key-of-the-node';
const WITHIN_MS = 60_000;
/** SegWit begins with this block, on a private chain of bcoin's. */
const SEGWIT = 432;

const directory = mkdtempSync(path.join(tmpdir(), 'bursar-example-'));
const children = [];

function stop() {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
}
process.once('exit', stop);

/** Waits for something that comes about by itself. */
async function until(check, what) {
  const end = Date.now() + WITHIN_MS;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`did not come about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function freePort() {
  const server = http.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A node in memory whose wallet `treasury` has a few coins of 50 BTC. */
async function startChain() {
  const [httpPort, walletHttpPort] = [await freePort(), await freePort()];
  const node = new FullNode({
    network: 'regtest', memory: true, apiKey: KEY, listen: false, httpPort, walletHttpPort, plugins: [plugin],
    indexAddress: true, workers: false, logLevel: 'none', config: false, argv: false, env: false,
  });
  await node.open();
  const wallets = node.require('walletdb').wdb;
  const wallet = await wallets.create({ id: 'treasury', witness: true });
  const waiting = () => node.rpc.execute({ method: 'getrawmempool', params: [] });
  const generate = async (blocks, address) => {
    await node.rpc.execute({ method: 'generatetoaddress', params: [blocks, address] });
    await until(() => wallets.height === node.chain.height, 'the wallets follow the chain');
  };
  await generate(2, (await wallet.receiveAddress()).toString('regtest'));
  await generate(SEGWIT, MINER);
  return {
    nodeUrl: `http://x:${KEY}@127.0.0.1:${httpPort}`,
    walletUrl: `http://x:${KEY}@127.0.0.1:${walletHttpPort}`,
    /** What the wallet has, in satoshi, unconfirmed included. */
    worth: async () => BigInt((await wallet.getBalance()).unconfirmed),
    /** What an address was paid in blocks, in satoshi. */
    paid: async (address) => (await node.getCoinsByAddress(address)).reduce((sum, { value }) => sum + BigInt(value), 0n),
    /** Mines a block, with this transaction in it. */
    async mine(txid) {
      if (txid) await until(async () => (await waiting()).includes(txid), 'the node has the transaction');
      await generate(1, MINER);
    },
  };
}

/** Starts a program and gives the first line that it prints. */
function start(program, words) {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`${program} was not ready in time`)), WITHIN_MS);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${program} ended with ${code}`)));
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (!text.includes('\n')) return;
      clearTimeout(timer);
      child.removeAllListeners('exit');
      resolve(text.slice(0, text.indexOf('\n')));
    });
  });
}

async function startBursar(chain) {
  // Both URLs have the node's password in them, so they are in files.
  writeFileSync(path.join(directory, 'node.url'), chain.nodeUrl, { mode: 0o600 });
  writeFileSync(path.join(directory, 'wallets.url'), chain.walletUrl, { mode: 0o600 });
  const rails = path.join(directory, 'rails.toml');
  writeFileSync(rails, `[rails.bitcoin]
kind = "bitcoin"
software = "bcoin"
url_file = "node.url"
wallet_url_file = "wallets.url"
network = "regtest"
confirmations = 1
`);
  const data = path.join(directory, 'data');
  const words = ['dev', '--json', '--listen', '127.0.0.1:0', '--data-dir', data, '--rails', rails];
  const server = JSON.parse(await start(process.env.BURSAR_BIN, words));
  await promisify(execFile)(process.env.BURSAR_BIN, [
    'wallet', 'add', '--data-dir', data, '--rail', 'bitcoin', '--coin', 'tbtc',
    '--label', 'Treasury', '--owner', server.username, '--reference', 'treasury',
  ]);
  return server;
}

/** Logs in and makes a token with BitGo's unmodified SDK, as its guide does. */
async function issueToken(server, limit) {
  const { BitGoAPI } = require('@bitgo/sdk-api');
  const bitgo = new BitGoAPI({ env: 'custom', customRootURI: server.url, clientConstants: {} });
  const { username, password, otp } = server;
  await bitgo.authenticate({ username, password, otp });
  const { token } = await bitgo.addAccessToken({
    otp,
    label: 'Admin Access Token',
    scope: [
      'metamask_institutional', 'openid', 'pending_approval_update', 'portfolio_view', 'profile',
      'trade_trade', 'trade_view', 'wallet_approve_all', 'wallet_create', 'wallet_edit_all',
      'wallet_manage_all', 'wallet_spend_all', 'wallet_view_all',
    ],
    spendingLimits: [{ coin: 'tbtc', txValueLimit: limit.toString() }],
  });
  return token;
}

module.exports = { startChain, startBursar, issueToken, ELSEWHERE, SATOSHI };
