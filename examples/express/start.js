// Starts what the example needs: a Bursar with play money, the service before it, BitGo Express, and the Bursar that clients speak to.
const { execFileSync, spawn } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:net');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { BitGo } = require('bitgo');
const { startService } = require('./service');

const WITHIN_MS = 60_000;
const LOOK_AGAIN_MS = 200;

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

/** BitGo's unmodified SDK, of the version that Express is made with. */
function sdk(server, accessToken) {
  return new BitGo({ env: 'custom', customRootURI: server.url, customBitcoinNetwork: 'testnet', accessToken });
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

/** The Bursar whose money moves, and what BitGo's service has beside it. */
async function startUpstream(limit) {
  const server = await start('upstream', []);
  const token = await issueToken(server, 'For the Bursar in front', limit);
  const bitgo = sdk(server, token);
  const { wallets: [{ id: wallet }] } = await bitgo.get(bitgo.url('/tbtc/wallet', 2)).result();
  const passphrase = randomBytes(16).toString('hex');
  return { server, token, wallet, passphrase, service: await startService({ url: server.url, token, wallet, passphrase }) };
}

/** A port that nobody listens at. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** BitGo Express, before the service; `EXPRESS_BIN` names the program of another version. */
async function startExpress({ service }) {
  const port = await freePort();
  const program = process.env.EXPRESS_BIN ?? require.resolve('bitgo/bin/bitgo-express');
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--env', 'custom', '--customrooturi', service.url];
  const child = spawn(process.execPath, [program, ...words, '--custombitcoinnetwork', 'testnet', '--disablessl'], {
    stdio: 'ignore',
  });
  children.push(child);
  const url = `http://127.0.0.1:${port}`;
  for (const until = Date.now() + WITHIN_MS; Date.now() < until;) {
    const answer = await fetch(`${url}/api/v2/pingexpress`).catch(() => undefined);
    if (answer?.ok) return { url, stop: () => gone(child) };
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  throw new Error('BitGo Express was not ready in time');
}

/** Ends a process, and waits until it has. */
function gone(child) {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  return ended;
}

/** The Bursar that clients speak to: it sends by Express, and believes what the upstream tells. */
async function startFront({ server: { url }, token, wallet, passphrase }, express) {
  writeFileSync(path.join(directory, 'upstream.token'), token, { mode: 0o600 });
  writeFileSync(path.join(directory, 'wallet.passphrase'), passphrase, { mode: 0o600 });
  const rails = path.join(directory, 'rails.toml');
  writeFileSync(rails, `[rails.upstream]
kind = "bitgo"
url = "${url}"
token_file = "upstream.token"
software = "bitgo"
express_url = "${express.url}"
passphrase_files = { ${wallet} = "wallet.passphrase" }
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

module.exports = { startUpstream, startExpress, startFront, issueToken, sdk };
