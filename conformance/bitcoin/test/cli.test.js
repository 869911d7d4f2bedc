'use strict';
// Bitcoin Core's own command-line client, which knows a host and a port and no path, at the rail's own host.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { it } = require('node:test');
const { promisify } = require('node:util');
const { ELSEWHERE, until } = require('../chain');
const { onChain } = require('../gateway');

const run = promisify(execFile);

onChain('bitcoin-cli', { confirmations: 1 }, (world) => {
  const { chain, bursar, issued, settled } = world;
  const skip = chain.software === 'core' ? false : 'it is for Bitcoin Core';

  /** What `bitcoin-cli` prints, or the words of its failure. */
  const cli = async (token, ...words) => {
    const { port } = new URL(bursar.url);
    const flags = ['-regtest', '-rpcconnect=localhost', `-rpcport=${port}`, '-rpcuser=any', `-rpcpassword=${token}`, '-rpcwallet=treasury'];
    return run('bitcoin-cli', [...flags, ...words]).then(({ stdout }) => stdout.trim(), ({ stderr }) => ({ failed: stderr }));
  };

  it('spends within the limit, and reads why it may not beyond it', { skip }, async () => {
    const token = await issued();
    const address = await cli(token.token, 'getnewaddress');
    assert.ok(await chain.owns('treasury', address), address);
    assert.ok(Number(await cli(token.token, 'getbalance')) > 1);
    const txid = await cli(token.token, 'sendtoaddress', ELSEWHERE, '0.4');
    assert.match(txid, /^[0-9a-f]{64}$/);
    await until(() => chain.waits(txid), 'the node has the transaction');
    const bumped = JSON.parse(await cli(token.token, 'bumpfee', txid));
    assert.match(bumped.txid, /^[0-9a-f]{64}$/);
    await chain.mine(1);
    await settled(token);
    const { failed } = await cli(token.token, 'sendtoaddress', ELSEWHERE, '0.7');
    assert.match(failed, /limit/);
    assert.match((await cli(token.token, 'dumpprivkey', address)).failed, /shows or takes keys|keys/);
    assert.match((await cli(`${token.token}0`, 'getbalance')).failed, /[Aa]uthori[sz]ation|Incorrect/);
  });
});
