'use strict';
// Whatever could be read in two ways, or moves what no limit counts, is refused and moves nothing.

const assert = require('node:assert/strict');
const http = require('node:http');
const net = require('node:net');
const { gzipSync } = require('node:zlib');
const { promise } = require('../../sdk-js/server');
const { ELSEWHERE, ELSEWHERE_TOO, until } = require('../chain');
const { BTC, onChain } = require('../gateway');

const AMPLE = [{ coin: 'tbtc', txValueLimit: `${10n * BTC}` }];
const JSON_BODY = { 'content-type': 'application/json' };

onChain('hostile', { coins: 6 }, (world) => {
  const { chain, bursar, issued, post, call, done, refusal, spends, settled } = world;

  /** Asserts that nothing moved and nothing is held. */
  async function untouched(token) {
    assert.deepEqual(await chain.waiting(), []);
    assert.deepEqual(await spends(token), []);
  }

  const basic = (token) => ({ authorization: `Basic ${Buffer.from(`any:${token.token}`).toString('base64')}` });

  /** The server's answer to exactly these bytes, over a connection of our own. */
  function bytes(token, head, parts) {
    const { hostname, port } = new URL(bursar.url);
    return new Promise((resolve, reject) => {
      const request = http.request({ hostname, port, method: 'POST', path: '/rail/bitcoin', headers: { ...basic(token), ...head } });
      request.on('error', reject);
      request.on('response', (answer) => {
        let text = '';
        answer.on('data', (chunk) => { text += chunk; });
        answer.on('end', () => resolve({ status: answer.statusCode, body: text === '' ? undefined : JSON.parse(text) }));
      });
      for (const part of [parts].flat()) request.write(part);
      request.end();
    });
  }

  promise('a member that is there twice is refused, wherever', async () => {
    const token = await issued(AMPLE);
    const pay = `["${ELSEWHERE}",0.1]`;
    for (const text of [
      `{"id":1,"method":"getblockcount","method":"sendtoaddress","params":${pay}}`,
      `{"id":1,"method":"getblockcount","\\u006dethod":"sendtoaddress","params":${pay}}`,
      `{"id":1,"method":"sendtoaddress","params":[],"params":${pay}}`,
      `{"id":1,"id":2,"method":"sendtoaddress","params":${pay}}`,
      `{"id":1,"method":"sendmany","params":["",{"${ELSEWHERE}":0.1,"${ELSEWHERE}":0.2}]}`,
      `{"id":1,"method":"sendmany","params":["",{"${ELSEWHERE}":0.1,"\\u0062${ELSEWHERE.slice(1)}":0.2}]}`,
      `{"id":1,"method":"sendmany","params":["",{"${ELSEWHERE}":0.1,"${ELSEWHERE.toUpperCase()}":0.2}]}`,
      `{"id":1,"method":"sendtoaddress","params":{"address":"${ELSEWHERE}","amount":0.1,"amount":0.2}}`,
      `{"id":1,"method":"sendtoaddress","params":${pay}} {}`,
      `{"id":1,"method":"sendtoaddress","params":${pay}}\u0000`,
      `\ufeff{"id":1,"method":"sendtoaddress","params":${pay}}`,
    ]) {
      const { body } = await post(token.token, text);
      assert.ok(body.error, text);
    }
    await untouched(token);
  });

  promise('a method is what it says after its escapes', async () => {
    const token = await issued(AMPLE);
    const pay = `["${ELSEWHERE}",0.1]`;
    for (const method of ['SENDTOADDRESS', 'sendtoaddress ', 'sendtoaddress\\u0000', 'sendto\\u0430ddress', 'send_to_address']) {
      const { body } = await post(token.token, `{"id":1,"method":"${method}","params":${pay}}`);
      assert.equal(body.error?.data.code, 'method_unknown', method);
    }
    const keys = await post(token.token, `{"id":1,"method":"dump\\u0070rivkey","params":["${ELSEWHERE}"]}`);
    assert.equal(keys.body.error.data.code, 'method_withheld');
    await untouched(token);
    const { body } = await post(token.token, `{"id":1,"method":"send\\u0074oaddress","params":${pay}}`);
    await until(() => chain.waits(body.result), 'the node has the transaction');
    await chain.mine(2);
    assert.equal((await settled(token)).recipients[0].amount, '10000000');
  });

  promise('a batch has one spend at most, and is otherwise refused as a whole', async () => {
    const token = await issued(AMPLE);
    const read = (id) => ({ id, method: 'getblockcount', params: [] });
    const spend = (id, method = 'sendtoaddress') => ({ id, method, params: [ELSEWHERE, 0.1] });
    for (const batch of [
      [spend(1), spend(2)], [read(1), spend(2), read(3), spend(4)], [spend(1), { ...spend(2), method: 'send', params: [[{ [ELSEWHERE]: 1 }]] }],
      [spend(1), { ...spend(2), params: [] }], [spend(1), read(1)], [], [[spend(1)]], [spend(1), null],
      [read(7), spend(8), { ...read(9), method: 'dumpwallet' }],
      Array.from({ length: 101 }, (_, id) => (id ? read(id) : spend(id))),
    ]) {
      const { body } = await post(token.token, batch);
      for (const answer of [body].flat()) assert.ok(answer.error, JSON.stringify(batch));
    }
    await untouched(token);
    const { body } = await post(token.token, [read(7), spend('8'), read(9)]);
    assert.deepEqual(body.map(({ id }) => id), [7, '8', 9]);
    assert.equal(body[0].result, await chain.height());
    await until(() => chain.waits(body[1].result), 'the node has the transaction');
    await chain.mine(2);
    assert.equal((await spends(token)).length, 1);
    await settled(token);
  });

  promise('amounts and addresses have one spelling', async () => {
    const token = await issued(AMPLE);
    // As text, since JSON of JavaScript would write some of them differently.
    for (const amount of [
      '-0.1', '-1', '0', '0.0', '0.000000001', '0.123456789', '1e-1', '1E0', '21000001', '99999999999999999999', '0x1', '"0x1"', '"1e-1"', '"-0.1"',
      '"0.1 "', '" 0.1"', '"+0.1"', '+0.1', '.1', '"1_0"', '01', '"01"', '"\\u0661"', '""', 'true', 'null', '{}', '[]', '[0.1]', '0.00000001', 'NaN',
    ]) {
      const { body } = await post(token.token, `{"id":1,"method":"sendtoaddress","params":["${ELSEWHERE}",${amount}]}`);
      assert.ok(body.error, amount);
    }
    const mixed = ELSEWHERE.slice(0, -1) + ELSEWHERE.slice(-1).toUpperCase() + 'Q';
    for (const address of [
      ELSEWHERE.slice(0, -1), `${ELSEWHERE}q`, mixed, ` ${ELSEWHERE}`, 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
      'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx', '1BoatSLRHtKNngkdXEeobR76b53LETtpyT', '', 'treasury', '../treasury',
    ]) {
      assert.ok((await refusal(token.token, 'sendtoaddress', [address, 0.1])).data.code, address);
    }
    for (const params of [[], {}, [ELSEWHERE], [0.1, ELSEWHERE], [[ELSEWHERE, 0.1]], { address: ELSEWHERE, amount: 0.1, Amount: 1 }, 'x']) {
      const { body } = await post(token.token, { id: 1, method: 'sendtoaddress', params });
      assert.ok(body.error, JSON.stringify(params));
    }
    await untouched(token);
  });

  promise('forms, packed bodies and other encodings are refused; chunks are as good as a length', async () => {
    const token = await issued(AMPLE);
    const text = JSON.stringify({ id: 1, method: 'sendtoaddress', params: [ELSEWHERE, 0.1] });
    const refused = async (head, body) => {
      const answer = await bytes(token, head, body);
      assert.ok(answer.status >= 400 || answer.body.error, JSON.stringify(answer));
    };
    await refused({ ...JSON_BODY, 'content-encoding': 'gzip' }, gzipSync(text));
    await refused({ ...JSON_BODY, 'content-encoding': 'gzip' }, text);
    await refused(JSON_BODY, gzipSync(text));
    await refused(JSON_BODY, Buffer.from(text, 'utf16le'));
    await refused(JSON_BODY, new URLSearchParams({ method: 'sendtoaddress', params: text }).toString());
    await refused({ 'content-type': 'application/x-www-form-urlencoded' }, `call=${encodeURIComponent(text)}`);
    await refused(JSON_BODY, Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from([0xff, 0xfe]), Buffer.from('}')]));
    await refused(JSON_BODY, `${'['.repeat(5000)}${']'.repeat(5000)}`);
    await refused(JSON_BODY, '');
    await untouched(token);
    const { body } = await bytes(token, { ...JSON_BODY, 'transfer-encoding': 'chunked' }, [...text]);
    await until(() => chain.waits(body.result), 'the node has the transaction');
    await chain.mine(2);
    await settled(token);
  });

  promise('two framings in one request are refused', async () => {
    const token = await issued(AMPLE);
    const spend = JSON.stringify({ id: 1, method: 'sendtoaddress', params: [ELSEWHERE, 0.1] });
    const read = JSON.stringify({ id: 1, method: 'getblockcount', params: [] });
    const { hostname, port, host } = new URL(bursar.url);
    const head = (...lines) => ['POST /rail/bitcoin HTTP/1.1', `host: ${host}`, `authorization: ${basic(token).authorization}`, ...lines, '', ''].join('\r\n');
    const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
    const exchange = (text) => new Promise((resolve) => {
      const socket = net.connect(Number(port), hostname, () => socket.write(text));
      const end = () => { socket.destroy(); resolve(); };
      socket.on('data', () => {});
      socket.on('error', end);
      socket.on('close', end);
      setTimeout(end, 700);
    });
    const hidden = `${head(`content-length: ${spend.length}`)}${spend}`;
    await Promise.all([
      exchange(`${head(`content-length: ${read.length}`, `content-length: ${read.length + hidden.length}`)}${read}${hidden}`),
      exchange(`${head('transfer-encoding: chunked', 'transfer-encoding: identity')}${chunk(spend)}`),
      exchange(`${head('transfer-encoding: xchunked')}${chunk(spend)}`),
      exchange(`${head(`content-length: +${spend.length}`)}${spend}`),
      exchange(`${head('content-length: 4', 'transfer-encoding: chunked')}${chunk(read)}${hidden}`),
    ]);
    await untouched(token);
  });

  promise('without scope, limit or token nothing moves', async () => {
    const viewer = await issued(AMPLE, ['wallet_view_all']);
    assert.equal((await refusal(viewer.token, 'sendtoaddress', [ELSEWHERE, 0.1])).data.code, 'scope_missing');
    const other = await issued([{ coin: 'hteth', txValueLimit: '1' }]);
    assert.equal((await refusal(other.token, 'sendtoaddress', [ELSEWHERE, 0.1])).data.code, 'no_limit_for_coin');
    for (const token of ['', 'v2xnothing', `${viewer.token}0`]) {
      assert.equal((await post(token, { id: 1, method: 'sendtoaddress', params: [ELSEWHERE, 0.1] })).status, 401);
    }
    await untouched(viewer);
    await untouched(other);
  });

  promise('what was not made to be replaced is not, and nothing is made of coins that are in another', async () => {
    const token = await issued(AMPLE);
    // Bitcoin Core makes what can be replaced, unless it is told otherwise.
    const txid = await done(token.token, 'sendtoaddress', [ELSEWHERE, 0.1, '', '', false, false]);
    await until(() => chain.waits(txid), 'the node has the transaction');
    assert.match((await refusal(token.token, 'bumpfee', [txid])).message, /`replaceable`/);
    assert.match((await refusal(token.token, 'bumpfee', ['00'.repeat(32)])).message, /not sent from here/);
    await chain.mine(2);
    await settled(token);
    const [{ txid: from, vout, value }] = await chain.coins('treasury');
    const make = async (address, satoshi) => (await call(token.token, 'createrawtransaction', [
      [{ txid: from, vout }], { [address]: Number(satoshi) / 1e8, [await chain.changeAddress('treasury')]: Number(value - satoshi - 1000n) / 1e8 },
    ])).result;
    const first = await call(token.token, chain.signs, [await make(ELSEWHERE, 20_000_000n)]);
    assert.equal(first.error, null, JSON.stringify(first));
    // The same coin, to somebody else and for a higher fee: signed it would be a second spend of one hold.
    const second = await refusal(token.token, chain.signs, [await make(ELSEWHERE_TOO, 30_000_000n)]);
    assert.ok(second.data.code, JSON.stringify(second));
    assert.equal((await spends(token)).length, 2);
    await until(async () => (await chain.waiting()).length === 1, 'what was signed is broadcast');
    await chain.mine(2);
    assert.equal((await settled(token)).state, 'captured');
  });
});
