// Starts what the example needs: a Bursar with play money, and another in front of it that has a token of the first.
const { execFileSync, spawn } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { BitGoAPI } = require('@bitgo/sdk-api');

const WITHIN_MS = 60_000;

const directory = mkdtempSync(path.join(tmpdir(), 'bursar-example-'));
const children = [];

function stop() {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
}
process.once('exit', stop);

/** Starts a server and gives what it prints of itself. */
function start(name, more) {
  const words = ['dev', '--json', '--listen', '127.0.0.1:0', '--data-dir', path.join(directory, name), ...more];
  const child = spawn(process.env.BURSAR_BIN, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`${name} was not ready in time`)), WITHIN_MS);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (!text.includes('\n')) return;
      clearTimeout(timer);
      child.removeAllListeners('exit');
      resolve(JSON.parse(text.slice(0, text.indexOf('\n'))));
    });
  });
}

/** BitGo's unmodified SDK, with a token or without. */
function sdk(server, accessToken) {
  const bitgo = new BitGoAPI({ env: 'custom', customRootURI: server.url, clientConstants: {} });
  if (accessToken) bitgo.authenticateWithAccessToken({ accessToken });
  return bitgo;
}

/** Logs in and makes a token that may spend so much tbtc. */
async function issueToken(server, label, limit) {
  const bitgo = sdk(server);
  const { username, password, otp } = server;
  await bitgo.authenticate({ username, password, otp });
  const { token } = await bitgo.addAccessToken({
    otp,
    label,
    scope: ['wallet_view_all', 'wallet_spend_all'],
    spendingLimits: [{ coin: 'tbtc', txValueLimit: limit }],
  });
  return token;
}

/** The Bursar whose money moves, a token of it, and one of its wallets. */
async function startUpstream(limit) {
  const server = await start('upstream', []);
  const token = await issueToken(server, 'For the Bursar in front', limit);
  const bitgo = sdk(server, token);
  const { wallets: [wallet] } = await bitgo.get(bitgo.url('/tbtc/wallet', 2)).result();
  return { server, token, wallet: wallet.id };
}

/** The Bursar that clients speak to. */
async function startFront({ server: { url }, token, wallet }) {
  writeFileSync(path.join(directory, 'upstream.token'), token, { mode: 0o600 });
  const rails = path.join(directory, 'rails.toml');
  writeFileSync(rails, `[rails.upstream]
kind = "bitgo"
url = "${url}"
token_file = "upstream.token"
software = "bursar"
coin = "tbtc"
fees_per_spend = "0.00001"
fees_per_day = "0.001"
`);
  const server = await start('front', ['--rails', rails]);
  execFileSync(process.env.BURSAR_BIN, [
    'wallet', 'add', '--data-dir', path.join(directory, 'front'), '--rail', 'upstream', '--coin', 'tbtc',
    '--label', 'Treasury', '--owner', server.username, '--reference', wallet,
  ]);
  return server;
}

module.exports = { startUpstream, startFront, issueToken, sdk };
