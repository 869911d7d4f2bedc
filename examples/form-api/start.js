// Starts what an example needs: Bursar with a rail by rules in front of a provider, a wallet and a token.
const { execFileSync, spawn } = require('node:child_process');
const { copyFileSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const WITHIN_MS = 60_000;

const directory = mkdtempSync(path.join(tmpdir(), 'bursar-example-'));
let child;

function stop() {
  child?.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
}
process.once('exit', stop);

/** The first line that the server prints: a document with its address and its user. */
function firstLine(words) {
  child = spawn(process.env.BURSAR_BIN, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error('Bursar was not ready in time')), WITHIN_MS);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`Bursar ended with ${code}`)));
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (!text.includes('\n')) return;
      clearTimeout(timer);
      child.removeAllListeners('exit');
      resolve(JSON.parse(text.split('\n')[0]));
    });
  });
}

/** Bursar with the rules of a file; the key of the provider is in a file that no client sees. */
async function startBursar({ rules, rail, coin, url, key }) {
  copyFileSync(rules, path.join(directory, 'rails.toml'));
  writeFileSync(path.join(directory, 'provider.url'), url, { mode: 0o600 });
  writeFileSync(path.join(directory, 'provider.key'), key, { mode: 0o600 });
  const data = path.join(directory, 'data');
  const file = path.join(directory, 'rails.toml');
  const server = await firstLine(['dev', '--json', '--listen', '127.0.0.1:0', '--data-dir', data, '--rails', file]);
  execFileSync(process.env.BURSAR_BIN, [
    'wallet', 'add', '--data-dir', data, '--rail', rail, '--coin', coin,
    '--label', 'Shop', '--owner', server.username, '--reference', 'default',
  ]);
  return server;
}

async function post(url, body, session) {
  const headers = { 'content-type': 'application/json', ...(session && { authorization: `Bearer ${session}` }) };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const told = await answer.json();
  if (!answer.ok) throw new Error(`${url}: ${JSON.stringify(told)}`);
  return told;
}

/** Logs in as the person whose server it is, and makes a token with these limits. */
async function issueToken(server, limits) {
  const { username, password, otp } = server;
  const { access_token: session } = await post(`${server.url}/api/v2/user/login`, { email: username, password, otp });
  const scope = ['wallet_view_all', 'wallet_spend_all'];
  const { token } = await post(`${server.url}/bursar/v1/tokens`, { label: 'Example', otp, scope, limits }, session);
  return token;
}

/** Listens on a port of its own, and says where. */
function listen(server) {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

module.exports = { startBursar, issueToken, listen };
