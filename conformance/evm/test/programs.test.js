'use strict';
// Clients that are programs of their own: cast, and a script with web3.py. None of them is changed in any way.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const { promise } = require('../../sdk-js/server');
const { ETHER, anyAddress } = require('../chain');
const { onChain, spender } = require('../gateway');

const FOLDER = path.join(__dirname, '..');
/** The program itself, as with anvil. */
const CAST = path.join(FOLDER, 'node_modules/@foundry-rs', `cast-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`, 'bin/cast');
const RUN_TIMEOUT_MS = 60_000;

/** What a program printed and whether it went well. */
async function run(program, ...args) {
  const options = { cwd: FOLDER, timeout: RUN_TIMEOUT_MS, env: { ...process.env, NO_COLOR: '1' } };
  return promisify(execFile)(program, args, options).then(({ stdout }) => ({ stdout, ok: true }), ({ stdout, stderr }) => ({ stdout, stderr, ok: false }));
}

onChain('programs', {}, (world) => {
  const asHeader = (token) => ['--rpc-url', `${world.gateway.url}/rail/local`, '--rpc-headers', `Authorization: Bearer ${token.text}`];
  const inUrl = (token) => ['--rpc-url', `${world.gateway.url.replace('://', `://any:${token.text}@`)}/rail/local`];

  for (const [how, credential] of [['in a header', asHeader], ['in its URL', inUrl]]) {
    promise(`cast with its token ${how} sends within the limit, and is told why not beyond`, async (t) => {
      const { chain, gateway } = world;
      const { token, from } = await spender(world, t, ['hteth 1.5/day']);
      const to = anyAddress();
      const send = (value) => run(CAST, 'send', to, '--value', value, '--from', from, '--unlocked', '--json', ...credential(token));
      const sent = await send('1ether');
      assert.ok(sent.ok, sent.stderr);
      const { transactionHash, status } = JSON.parse(sent.stdout);
      assert.equal(status, '0x1');
      assert.equal(await chain.balance(to), ETHER);
      assert.equal((await gateway.settled(token))[0].captured.reference, transactionHash);

      const refused = await send('1ether');
      assert.ok(!refused.ok);
      assert.match(refused.stderr, /limit/);
      assert.equal(await chain.balance(to), ETHER);
      assert.equal(await chain.count(from, 'pending'), 1);

      const balance = await run(CAST, 'balance', to, ...credential(token));
      assert.equal(balance.stdout.trim(), String(ETHER), balance.stderr);
    }, RUN_TIMEOUT_MS);
  }

  promise('web3.py sends within the limit, and is told why not beyond', async (t) => {
    if (!process.env.WEB3_PYTHON) return t.skip('WEB3_PYTHON names no Python that has web3.py');
    const { chain } = world;
    const { token, from } = await spender(world, t, ['hteth 1.5/day']);
    const to = anyAddress();
    const spent = await run(process.env.WEB3_PYTHON, 'spend.py', `${world.gateway.url}/rail/local`, token.text, from, to, String(ETHER), String(ETHER));
    assert.ok(spent.ok, spent.stderr);
    const [sent, refused, seen] = spent.stdout.trim().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual([sent.status, (await chain.mined(sent.hash)).status], [1, '0x1']);
    assert.match(refused.refused ?? '', /limit/);
    assert.equal(seen.balance, String(ETHER));
    assert.equal(await chain.balance(to), ETHER);
    assert.equal(await chain.count(from, 'pending'), 1);
    return undefined;
  }, RUN_TIMEOUT_MS);
});
