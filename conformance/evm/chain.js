'use strict';
// A chain of test money: anvil, started for whoever asks and ended by them.

const { spawn } = require('node:child_process');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { ethers } = require('ethers');

const START_TIMEOUT_MS = 20_000;
const MINED_WITHIN_MS = 10_000;
const CHAIN_ID = 31337;
const ETHER = 10n ** 18n;
const GIGAWEI = 10n ** 9n;

/** What the node's own accounts are made from; the phrase is anvil's, and the money is worth nothing. */
const PHRASE = 'test test test test test test test test test test test junk';

const COIN = new ethers.Interface([
  'function mint(address to, uint256 amount)',
  'function transfer(address to, uint256 amount)',
  'function transferFrom(address from, address to, uint256 amount)',
  'function approve(address spender, uint256 amount)',
  'function increaseAllowance(address spender, uint256 amount)',
  'function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)',
  'function setApprovalForAll(address operator, bool approved)',
  'function allowance(address owner, address spender) view returns (uint256)',
  'function balanceOf(address owner) view returns (uint256)',
]);

/** The program itself: behind the package's own starter it would live on when that is killed. */
const ANVIL = path.join(__dirname, 'node_modules/@foundry-rs', `anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`, 'bin/anvil');

const hex = (number) => `0x${number.toString(16)}`;
const anyAddress = () => ethers.Wallet.createRandom().address;

/** One running node with a chain of its own. */
class Chain {
  async start() {
    this.process = spawn(ANVIL, ['--port', '0', '--host', '127.0.0.1'], { stdio: ['ignore', 'pipe', 'pipe'] });
    // Should the tests break off, nothing of theirs goes on.
    process.once('exit', () => this.process.kill('SIGKILL'));
    this.url = await this.#listening();
    this.faucet = ethers.HDNodeWallet.fromPhrase(PHRASE);
  }

  #listening() {
    return new Promise((resolve, reject) => {
      let text = '';
      const timer = setTimeout(() => reject(new Error(`anvil was not ready in time:\n${text}`)), START_TIMEOUT_MS);
      this.process.once('error', reject);
      this.process.once('exit', (code) => reject(new Error(`anvil ended with ${code}:\n${text}`)));
      const read = (chunk) => {
        if (this.url) return;
        text += chunk;
        const found = /Listening on (127\.0\.0\.1:\d+)/.exec(text);
        if (!found) return;
        clearTimeout(timer);
        this.process.removeAllListeners('exit');
        resolve(`http://${found[1]}`);
      };
      // Read to the end, lest the node block.
      this.process.stdout.on('data', read);
      this.process.stderr.on('data', read);
    });
  }

  async stop() {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }

  /** Asks the node itself, past Bursar. */
  async ask(method, ...params) {
    const answer = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const { result, error } = await answer.json();
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  async balance(address) {
    return BigInt(await this.ask('eth_getBalance', address, 'latest'));
  }

  fund(address, amount = 100n * ETHER) {
    return this.ask('anvil_setBalance', address, hex(amount));
  }

  async count(address, block = 'latest') {
    return Number(await this.ask('eth_getTransactionCount', address, block));
  }

  receipt(hash) {
    return this.ask('eth_getTransactionReceipt', hash);
  }

  /** The receipt as soon as there is one: also a node that mines at once takes a moment. */
  async mined(hash) {
    const end = Date.now() + MINED_WITHIN_MS;
    for (;;) {
      const found = await this.receipt(hash);
      if (found) return found;
      if (Date.now() > end) throw new Error(`${hash} is not mined`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  mine(blocks = 1) {
    return this.ask('anvil_mine', hex(blocks));
  }

  automine(on) {
    return this.ask('evm_setAutomine', on);
  }

  /** Blocks are mined only when the body says so; what waits then, at its end. */
  async byHand(body) {
    await this.automine(false);
    try {
      await body();
    } finally {
      await this.mine();
      await this.automine(true);
    }
  }

  /** Everything about the faucet is done by the node, which has its key. */
  faucetSends(transaction) {
    return this.ask('eth_sendTransaction', { from: this.faucet.address, ...transaction });
  }

  /** Puts the token contract on the chain; gives its address. */
  async deployCoin() {
    const data = readFileSync(path.join(__dirname, 'contracts/Coin.hex'), 'utf8').trim();
    const { contractAddress } = await this.mined(await this.faucetSends({ data, gas: hex(2_000_000) }));
    return contractAddress;
  }

  async coins(contract, owner) {
    return BigInt(await this.ask('eth_call', { to: contract, data: COIN.encodeFunctionData('balanceOf', [owner]) }, 'latest'));
  }

  async allowance(contract, owner, spender) {
    const data = COIN.encodeFunctionData('allowance', [owner, spender]);
    return BigInt(await this.ask('eth_call', { to: contract, data }, 'latest'));
  }

  async mint(contract, to, amount) {
    return this.mined(await this.faucetSends({ to: contract, data: COIN.encodeFunctionData('mint', [to, amount]) }));
  }

  /** What an account paid for a mined transaction, beyond what it sent. */
  async feeOf(hash) {
    const { gasUsed, effectiveGasPrice } = await this.mined(hash);
    return BigInt(gasUsed) * BigInt(effectiveGasPrice);
  }
}

module.exports = { Chain, CHAIN_ID, COIN, ETHER, GIGAWEI, anyAddress, hex };
