// Starts what the example needs: a chain of test money, Bursar in front of it, a wallet and a token.
const { execFileSync, spawn } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

// Everybody knows this key of anvil's first account; on a real chain Bursar makes one that nobody knows.
const KEY = 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const WITHIN_MS = 60_000;

const directory = mkdtempSync(path.join(tmpdir(), 'bursar-example-'));
const children = [];

function stop() {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
}
process.once('exit', stop);

/** Starts a program and waits until its output says what is looked for. */
function start(program, words, wanted) {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`${program} was not ready in time`)), WITHIN_MS);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${program} ended with ${code}`)));
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const found = wanted.exec(text);
      if (!found) return;
      clearTimeout(timer);
      child.removeAllListeners('exit');
      resolve(found[1]);
    });
  });
}

async function startNode() {
  const kind = `anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const anvil = path.join(__dirname, 'node_modules/@foundry-rs', kind, 'bin/anvil');
  return `http://${await start(anvil, ['--port', '0'], /Listening on (\S+)/)}`;
}

async function startBursar(node) {
  const rails = path.join(directory, 'rails.toml');
  writeFileSync(rails, `[rails.ethereum]
kind = "evm"
url = "${node}"
chain_id = 31337
coin = "hteth"
confirmations = 1
`);
  const data = path.join(directory, 'data');
  const words = ['dev', '--json', '--listen', '127.0.0.1:0', '--data-dir', data, '--rails', rails];
  const server = JSON.parse(await start(process.env.BURSAR_BIN, words, /^(.*)\n/));

  const key = path.join(directory, 'wallet.key');
  writeFileSync(key, KEY, { mode: 0o600 });
  execFileSync(process.env.BURSAR_BIN, [
    'wallet', 'add', '--data-dir', data, '--rail', 'ethereum', '--coin', 'hteth',
    '--label', 'Treasury', '--owner', server.username, '--key-file', key,
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

module.exports = { startNode, startBursar, issueToken, stop };
