// Bursar, an application and a proxy between them: payouts that pass, that do not, and one that is given back.
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:net');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { startApplication } = require('./application');

const PAYEE = 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx';
const LIMIT = 'tbtc 100 base units/day';
const WITHIN_MS = 60_000;

const directory = mkdtempSync(path.join(tmpdir(), 'bursar-example-'));
const children = new Map();

function stop() {
  // A proxy has children of its own, which it ends only if it may.
  for (const [child, waits] of children) child.kill(waits ? 'SIGKILL' : 'SIGTERM');
  rmSync(directory, { recursive: true, force: true });
}
process.once('exit', stop);

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts a program; what it says as its first line, if that is waited for. */
function start(program, words, waits) {
  // What programs keep beside themselves goes with the rest.
  const env = { ...process.env, XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory };
  const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  children.set(child, waits);
  const ended = new Promise((resolve) => child.once('exit', resolve)).finally(() => children.delete(child));
  const ready = new Promise((resolve, reject) => {
    if (!waits) resolve();
    let text = '';
    const timer = setTimeout(() => reject(new Error(`${program} was not ready in time`)), WITHIN_MS).unref();
    child.once('error', reject);
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (!text.includes('\n')) return;
      clearTimeout(timer);
      resolve(text.split('\n')[0]);
    });
    ended.then((code) => reject(new Error(`${program} ended with ${code}`)));
  });
  return { child, ready, ended };
}

async function startBursar(port, ...more) {
  const words = ['dev', '--json', '--listen', `127.0.0.1:${port}`, '--operations', '127.0.0.1:0'];
  const started = start(process.env.BURSAR_BIN, [...words, '--data-dir', path.join(directory, 'data'), ...more], true);
  return { ...JSON.parse(await started.ready), process: started };
}

async function ask(url, method, body, token) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const told = await answer.json();
  if (!answer.ok) throw new Error(`${url}: ${JSON.stringify(told)}`);
  return told;
}

/** What requests mean: payouts are spends, and those that may fail are held until the service has had its say. */
function rules(host, wallet, service) {
  const spend = (name) => `
[[authz.rules]]
operation = "spend"
host = "${host}"
method = "POST"
path = "/${name}/{payee}"
wallet = "${wallet}"
coin = "tbtc"
amount = "query.amount"
destination = "{payee}"
key = "header.Idempotency-Key"
`;
  return `trusted_proxies = ["127.0.0.1/32"]
${spend('payouts')}${spend('failing')}service = "${service}"
release_within = "60s"

[[authz.rules]]
operation = "read"
host = "${host}"
method = "GET"
path = "/payouts"
wallet = "${wallet}"
`;
}

/** Makes ready: a token with a limit, a credential for the application, and Bursar with the rules. */
async function prepare(port, host) {
  const first = await startBursar(port);
  const { username, password, otp } = first;
  const { access_token: session } = await ask(`${first.url}/api/v2/user/login`, 'POST', { email: username, password, otp });
  const { organisations: [{ id: organisation }] } = await ask(`${first.url}/bursar/v1/organisations`, 'GET', null, session);
  const application = { otp, label: 'Payouts', organisation };
  const service = await ask(`${first.url}/bursar/v1/services`, 'POST', application, session);
  const scope = ['wallet_view_all', 'wallet_spend_all'];
  const { token } = await ask(`${first.url}/bursar/v1/tokens`, 'POST', { label: 'Agent', otp, scope, limits: [LIMIT] }, session);
  first.process.child.kill('SIGTERM');
  await first.process.ended;

  const file = path.join(directory, 'proxies.toml');
  const wallet = first.wallets.find(({ coin }) => coin === 'tbtc').id;
  writeFileSync(file, rules(host, wallet, service.id));
  const { url } = await startBursar(port, '--proxies', file);
  return { url, token, service: service.token };
}

/** Waits until something answers. */
async function answers(url) {
  const until = Date.now() + WITHIN_MS;
  for (;;) {
    const answer = await fetch(url).catch(() => null);
    if (answer) return;
    if (Date.now() > until) throw new Error(`${url} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A spend counts from the moment it may pass; that it is captured is written a moment later. */
async function settled(url, token) {
  const until = Date.now() + WITHIN_MS;
  for (;;) {
    const { state } = await ask(url, 'GET', null, token);
    if (state === 'captured') return;
    if (Date.now() > until) throw new Error(`the spend is still ${state}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function show(name, command) {
  const [bursarPort, proxyPort] = [await freePort(), await freePort()];
  const proxy = `http://127.0.0.1:${proxyPort}`;
  const { url, token, service } = await prepare(bursarPort, `127.0.0.1:${proxyPort}`);
  const application = await startApplication((spend) =>
    ask(`${url}/bursar/v1/spends/${spend}/release`, 'POST', { reason: 'the bank is closed' }, service));
  const ports = (text) =>
    text.replaceAll(':8080', `:${bursarPort}`).replaceAll(':8081', `:${proxyPort}`).replaceAll(':8082', `:${application.port}`);
  start(...command({ directory, ports }), false).ready.catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
  await answers(proxy);
  console.log(`Bursar runs at ${url}, ${name} at ${proxy}, in front of an application. The token may spend: ${LIMIT}.`);

  const pay = async (where, amount, key, more = {}) => {
    const headers = { authorization: `Bearer ${token}`, ...(key && { 'idempotency-key': key }), ...more };
    return fetch(`${proxy}${where}/${PAYEE}?amount=${amount}`, { method: 'POST', headers });
  };
  const refused = async (answer, status, code) => {
    assert.equal(answer.status, status);
    const told = answer.headers.get('bursar-refusal');
    assert.equal(told, code);
    return answer.headers.get('bursar-refusal-reason');
  };

  const passed = await pay('/payouts', 60, 'order-1');
  assert.equal(passed.status, 200);
  const { spend } = await passed.json();
  console.log(`Paid 60 base units: spend ${spend}, counted before the application saw the request.`);
  await settled(`${url}/bursar/v1/spends/${spend}`, token);

  console.log(`Refused 60 more: ${await refused(await pay('/payouts', 60, 'order-2'), 403, 'limit_exceeded')}.`);
  console.log(`Refused the first again: ${await refused(await pay('/payouts', 60, 'order-1'), 403, 'already_allowed')}.`);
  await refused(await pay('/payouts', 1, null), 403, 'key_missing');
  await refused(await pay('/payouts', 1, 'order-3', { 'bursar-spend-id': spend }), 403, 'header_forged');
  await refused(await pay('/payouts', 1, 'order-3', { 'x-http-method-override': 'GET' }), 403, 'method_overridden');
  await refused(await pay('/payouts/..%2fpayouts', 1, 'order-3'), 403, 'not_normal');
  await refused(await pay('/payouts', 1, 'order-3', { authorization: 'Bearer v2x00' }), 401, 'token_cut_off');
  // Whatever a client writes there, the proxy says where it comes from.
  assert.equal((await pay('/payouts', 1, 'order-3', { 'x-forwarded-for': 'x', 'x-original-uri': '/payouts' })).status, 200);

  const failed = await pay('/failing', 39, 'order-4');
  assert.equal(failed.status, 502);
  console.log('A payout of 39 failed, and the application gave it back.');
  assert.equal((await pay('/payouts', 39, 'order-5')).status, 200);
  console.log('So 39 could be paid in its place, and the limit is used up.');
  await refused(await pay('/payouts', 1, 'order-6'), 403, 'limit_exceeded');

  const list = await fetch(`${proxy}/payouts`, { headers: { authorization: `Bearer ${token}` } });
  const { paid } = await list.json();
  assert.deepEqual(paid.map(({ amount }) => amount), ['60', '1', '39']);
  console.log(`The application has paid ${paid.map(({ amount }) => amount).join(' + ')}, and nothing else.`);
}

/** Runs the whole scene; `command` tells how the proxy is started. */
function demonstrate(name, command) {
  if (!process.env.BURSAR_BIN) {
    console.error(`BURSAR_BIN is not set: \`cargo xtask example ${name}\` sets it to the binary it builds`);
    process.exit(2);
  }
  show(name, command).then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
  });
}

module.exports = { demonstrate };
