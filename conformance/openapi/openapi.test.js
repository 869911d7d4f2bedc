'use strict';
// The document is sound, and the server does what it says: no 5xx and no undocumented answer, whoever asks.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { describe } = require('node:test');

const { Bursar, OTP, promise, suite } = require('../sdk-js/server.js');

const RUN_TIMEOUT_MS = 480_000;
/** Runs at once; each asks one thing after the other. */
const RUNS = 2;
/** Requests of each kind for each operation; more by hand. */
const EXAMPLES = process.env.EXAMPLES ?? '20';

const CHECKS = [
  'not_a_server_error', 'status_code_conformance', 'content_type_conformance', 'response_headers_conformance',
  'response_schema_conformance', 'negative_data_rejection', 'unsupported_method', 'ignored_auth',
];
// What ends the session that asks, or freezes its owner, would end the run.
const ENDS_THE_SESSION = '/(freeze|password|revoke-all|sign-out)|^/bursar/v1/sessions/';

/** Runs a program and fails with what it printed, unless it passed. */
async function run(program, args, what) {
  const child = spawn(program, args, { cwd: __dirname, stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_TIMEOUT_MS });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { printed += chunk; });
  const code = await new Promise((resolve, reject) => { child.once('error', reject); child.once('close', resolve); });
  assert.equal(code, 0, `${what}:\n${printed.slice(-20_000)}`);
}

suite('the OpenAPI document', new Bursar(), (bursar) => {
  const own = async (method, path, bearer, body) => {
    const answer = await bursar.raw(method, path, { bearer, body: body && JSON.stringify(body) });
    assert.ok(answer.status < 300, answer.text);
    return answer.body;
  };
  const session = async () => {
    const login = { email: bursar.username, password: bursar.password, otp: OTP };
    return (await own('POST', '/api/v2/user/login', undefined, login)).access_token;
  };

  promise('passes a linter', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'bursar-openapi-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'openapi.json');
    writeFileSync(file, JSON.stringify(await own('GET', '/bursar/v1/openapi.json')));
    await run(join(__dirname, 'node_modules/.bin/redocly'), ['lint', '--config', 'redocly.yaml', file], 'redocly lint');
  });

  /** Asks everything of the document with this credential. */
  function holds(who, credential) {
    promise(`holds for ${who}`, async () => {
      const token = await credential();
      const auth = token === undefined ? [] : ['--header', `Authorization: Bearer ${token}`];
      await run(process.env.SCHEMATHESIS, [
        'run', `${bursar.url}/bursar/v1/openapi.json`, '--checks', CHECKS.filter((check) => token !== undefined || check !== 'ignored_auth').join(','),
        '--max-examples', EXAMPLES, '--phases', 'examples,coverage,fuzzing', '--seed', '1', '--no-color',
        '--exclude-path-regex', ENDS_THE_SESSION, '--continue-on-failure', ...auth,
      ], `schemathesis for ${who}`);
    }, RUN_TIMEOUT_MS);
  }

  if (process.env.SCHEMATHESIS) {
    describe('is what the server does', { concurrency: RUNS }, () => {
      holds('nobody', async () => undefined);
      holds('a person', session);
      holds('a token of software', async () => {
        const wishes = { otp: OTP, label: 'bot', duration: 3600, scope: ['wallet_view_all', 'wallet_spend_all'], limits: ['tbtc 1/day'] };
        return (await own('POST', '/api/auth/v1/accesstoken', await session(), wishes)).token;
      });
      holds('a service', async () => {
        const person = await session();
        const organisation = (await own('GET', '/api/v2/wallets', person)).wallets[0].enterprise;
        return (await own('POST', '/bursar/v1/services', person, { otp: OTP, label: 'service', organisation })).token;
      });
    });
  }
});
