'use strict';
// Whatever could be read in two ways, or moves what no limit counts, is refused and moves nothing.

const assert = require('node:assert/strict');
const http = require('node:http');
const { gzipSync } = require('node:zlib');
const { ethers } = require('ethers');
const { promise } = require('../../sdk-js/server');
const { CHAIN_ID, COIN, GIGAWEI, anyAddress, hex } = require('../chain');
const { mined, onChain, refusedWith, resultOf, spender } = require('../gateway');

const MANY = ['hteth 10/day'];

onChain('hostile', {}, (world) => {
  /** Asserts that nothing moved, nothing is held and no nonce is gone. */
  async function untouched({ from, token }, to) {
    const { chain, gateway } = world;
    if (to) assert.equal(await chain.balance(to), 0n);
    assert.equal(await chain.count(from, 'pending'), 0);
    assert.deepEqual(await gateway.spends(token), []);
  }

  /** The server's answer to exactly these bytes, over a connection of our own. */
  function bytes(token, head, body) {
    const { hostname, port } = new URL(world.gateway.url);
    return new Promise((resolve, reject) => {
      const request = http.request({ hostname, port, method: 'POST', path: '/rail/local', headers: { authorization: `Bearer ${token.text}`, ...head } });
      request.on('error', reject);
      request.on('response', (answer) => {
        let text = '';
        answer.on('data', (chunk) => { text += chunk; });
        answer.on('end', () => resolve({ status: answer.statusCode, body: text === '' ? undefined : JSON.parse(text) }));
      });
      for (const part of [body].flat()) request.write(part);
      request.end();
    });
  }

  promise('a member that is there twice is refused, wherever', async (t) => {
    const found = await spender(world, t, MANY);
    const { from, token } = found;
    const to = anyAddress();
    const sending = `{"from":"${from}","to":"${to}","value":"0x1"}`;
    for (const text of [
      `{"jsonrpc":"2.0","id":1,"method":"eth_chainId","method":"eth_sendTransaction","params":[${sending}]}`,
      `{"jsonrpc":"2.0","id":1,"method":"eth_chainId","\\u006dethod":"eth_sendTransaction","params":[${sending}]}`,
      `{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[],"params":[${sending}]}`,
      `{"jsonrpc":"2.0","id":1,"id":2,"method":"eth_sendTransaction","params":[${sending}]}`,
      `{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[{"from":"${from}","to":"${to}","value":"0x1","value":"0xff"}]}`,
      `{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[{"from":"${from}","to":"${to}","value":"0x1","v\\u0061lue":"0xff"}]}`,
      `{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[{"from":"${from}","to":"${to}","to":"${anyAddress()}","value":"0x1"}]}`,
      `{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[${sending}]} {}`,
      `{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[${sending}]}\u0000`,
      `\ufeff{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[${sending}]}`,
    ]) {
      const { body } = await world.gateway.post(token, text);
      assert.ok(body.error, text);
    }
    await untouched(found, to);
  });

  promise('a method is what it says after its escapes', async (t) => {
    const { gateway, chain } = world;
    const { from, token } = await spender(world, t, MANY);
    const to = anyAddress();
    const sending = `{"from":"${from}","to":"${to}","value":"0x5"}`;
    const escaped = await gateway.post(token, `{"jsonrpc":"2.0","id":1,"method":"eth_\\u0073endTransaction","params":[${sending}]}`);
    await mined(chain, escaped.body);
    assert.equal((await gateway.spends(token)).length, 1);
    assert.equal(await chain.balance(to), 5n);
    for (const method of ['ETH_SENDTRANSACTION', 'eth_sendTransaction ', 'eth_sendTransaction\\u0000', 'eth_sendTrans\\u0430ction', 'eth_send_transaction', 'eth_sendtransaction']) {
      const { body } = await gateway.post(token, `{"jsonrpc":"2.0","id":1,"method":"${method}","params":[${sending}]}`);
      assert.equal(refusedWith(body, 'method_unknown').code, -32601);
    }
    const sign = await gateway.post(token, `{"jsonrpc":"2.0","id":1,"method":"eth_\\u0073ign","params":["${from}","0x00"]}`);
    refusedWith(sign.body, 'method_withheld');
    assert.equal(await chain.balance(to), 5n);
  });

  promise('what signs blindly, shows keys or governs the node is refused by name', async (t) => {
    const found = await spender(world, t, MANY);
    const { from, token } = found;
    const to = anyAddress();
    for (const [method, ...params] of [
      ['eth_sign', from, '0x00'], ['personal_sign', '0x00', from], ['eth_signTypedData_v4', from, '{}'],
      ['personal_sendTransaction', { from, to, value: '0x1' }, ''], ['anvil_setBalance', to, '0xff'],
      ['anvil_impersonateAccount', from], ['evm_mine'], ['hardhat_setNonce', from, '0x9'], ['debug_traceCall', {}, 'latest'],
      ['admin_nodeInfo'], ['miner_stop'], ['txpool_content'], ['engine_forkchoiceUpdatedV3'], ['wallet_sendCalls', {}],
      ['eth_sendBundle', {}], ['eth_sendPrivateTransaction', {}], ['eth_sendRawTransactionSync', '0x00'],
      ['eth_sendTransactionSync', {}], ['eth_fillTransaction', {}], ['eth_resend', {}], ['eth_sendUserOperation', {}],
    ]) {
      const error = refusedWith(await world.gateway.call(token, method, params), 'method_withheld');
      assert.equal(error.code, -32601);
      assert.ok(error.message.includes(method), error.message);
    }
    for (const method of ['eth_sendUnsignedTransaction', 'eth_newMethod', 'ots_getApiLevel', 'rpc_modules', 'bursar', '']) {
      refusedWith(await world.gateway.call(token, method), 'method_unknown');
    }
    // Whoever guesses the id of a filter of the node would read and end what another token made.
    for (const method of ['eth_newFilter', 'eth_newBlockFilter', 'eth_newPendingTransactionFilter', 'eth_getFilterChanges', 'eth_getFilterLogs', 'eth_uninstallFilter']) {
      refusedWith(await world.gateway.call(token, method, [{}]), 'method_withheld');
    }
    for (const method of ['eth_subscribe', 'eth_unsubscribe']) {
      refusedWith(await world.gateway.call(token, method, ['newHeads']), 'not_supported');
    }
    await untouched(found, to);
  });

  promise('a batch has one spend at most, and is otherwise refused as a whole', async (t) => {
    const { gateway, chain } = world;
    const { from, token } = await spender(world, t, MANY);
    const to = anyAddress();
    const read = (id) => ({ jsonrpc: '2.0', id, method: 'eth_blockNumber', params: [] });
    const spend = (id, method = 'eth_sendTransaction') => ({ jsonrpc: '2.0', id, method, params: [{ from, to, value: '0x2' }] });
    for (const batch of [
      [spend(1), spend(2)], [read(1), spend(2), read(3), spend(4)], [spend(1, 'eth_signTransaction'), spend(2)],
      [spend(1), { ...spend(2), params: [] }],
      [{ jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransaction', params: ['0x02'] }, spend(2)],
    ]) {
      const { body } = await gateway.post(token, batch);
      assert.equal(body.length, batch.length);
      for (const answer of body) refusedWith(answer, 'not_supported');
    }
    for (const batch of [[spend(1), read(1)], [read('a'), spend('a')], [], [[spend(1)]], [spend(1), null], [spend(1), { ...read(2), id: undefined }], [spend(1), { ...read(2), id: null }],
      Array.from({ length: 101 }, (_, id) => (id ? read(id) : spend(id)))]) {
      const { body } = await gateway.post(token, batch);
      assert.ok(body.error, JSON.stringify(body));
    }
    assert.equal(await chain.count(from, 'pending'), 0);
    const { body } = await gateway.post(token, [read(7), spend('8'), { ...read(9), method: 'eth_sign' }]);
    assert.deepEqual(body.map(({ id }) => id), [7, '8', 9]);
    resultOf(body[0]);
    await mined(chain, body[1]);
    refusedWith(body[2], 'method_withheld');
    assert.equal(await chain.balance(to), 2n);
  });

  promise('amounts and addresses have one spelling', async (t) => {
    const found = await spender(world, t, MANY);
    const { from, token } = found;
    const to = anyAddress();
    for (const value of [
      '-0x1', '0x-1', '-1', '1', '10', 1, 1.5, -1, 1e18, '0x', '0x01', '0x00', '0X1', '0x1.8', '1e18', ' 0x1', '0x1 ', '0x1_0', '0xg', '',
      true, {}, [], ['0x1'], `0x1${'0'.repeat(64)}`, '0x\u0661', `0x${'f'.repeat(65)}`,
    ]) {
      const answer = await world.gateway.send(token, { from, to, value });
      assert.equal(refusedWith(answer, 'undecodable').code, -32602, String(value));
    }
    for (const value of [`0x${'f'.repeat(64)}`, hex(2n ** 192n), hex(2n ** 255n)]) {
      refusedWith(await world.gateway.send(token, { from, to, value }), 'not_supported', 'limit_exceeded', 'undecodable');
    }
    const broken = to.slice(0, 2) + to.slice(2).replace(/[a-f]/i, (letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()));
    for (const address of [to.slice(0, -1), `${to}0`, to.slice(2), broken, 'vitalik.eth', '', `XE${to.slice(2)}`, to.replace('0x', '0X')]) {
      refusedWith(await world.gateway.send(token, { from, to: address, value: '0x1' }), 'undecodable');
    }
    for (const transaction of [
      null, [], 'x', 7, {}, { from }, { to, value: '0x1' }, { from, to, value: '0x1', Value: '0x2' }, { from, to, value: '0x1', amount: '0x1' },
    ]) {
      refusedWith(await world.gateway.send(token, transaction), 'undecodable', 'not_supported');
    }
    for (const params of [{ from, to, value: '0x1' }, [], [{ from, to, value: '0x1' }, 'latest'], [[{ from, to, value: '0x1' }]]]) {
      const { body } = await world.gateway.post(token, { jsonrpc: '2.0', id: 1, method: 'eth_sendTransaction', params });
      refusedWith(body, 'undecodable');
    }
    await untouched(found, to);
  });

  promise('forms, packed bodies and other encodings are refused; chunks are as good as a length', async (t) => {
    const found = await spender(world, t, MANY);
    const { from, token } = found;
    const to = anyAddress();
    const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_sendTransaction', params: [{ from, to, value: '0x3' }] });
    const json = { 'content-type': 'application/json' };
    const refused = async (head, body) => {
      const answer = await bytes(token, head, body);
      assert.ok(answer.status >= 400 || answer.body.error, JSON.stringify(answer));
      return answer;
    };
    await refused({ ...json, 'content-encoding': 'gzip' }, gzipSync(call));
    await refused({ ...json, 'content-encoding': 'gzip' }, call);
    await refused(json, gzipSync(call));
    await refused({ ...json, 'content-encoding': 'identity, gzip' }, gzipSync(call));
    await refused(json, Buffer.from(call, 'utf16le'));
    await refused(json, new URLSearchParams({ method: 'eth_sendTransaction', params: call }).toString());
    await refused({ 'content-type': 'application/x-www-form-urlencoded' }, `call=${encodeURIComponent(call)}`);
    await refused(json, Buffer.concat([Buffer.from(call.slice(0, -1)), Buffer.from([0xff, 0xfe]), Buffer.from('}')]));
    await refused(json, `${'['.repeat(5000)}${']'.repeat(5000)}`);
    await refused(json, '');
    const huge = await bytes(token, json, call.padEnd(9 << 20, ' ')).catch((error) => ({ status: 413, error }));
    assert.ok(huge.status >= 400 || huge.body.error);
    await untouched(found, to);

    const chunked = await bytes(token, { ...json, 'transfer-encoding': 'chunked' }, [...call]);
    await mined(world.chain, chunked.body);
    assert.equal(await world.chain.balance(to), 3n);
  });

  promise('two framings in one request are refused', async (t) => {
    const net = require('node:net');
    const found = await spender(world, t, MANY);
    const { from, token } = found;
    const to = anyAddress();
    const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_sendTransaction', params: [{ from, to, value: '0x3' }] });
    const read = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] });
    const { hostname, port, host } = new URL(world.gateway.url);
    const head = (...lines) => ['POST /rail/local HTTP/1.1', `host: ${host}`, `authorization: Bearer ${token.text}`, ...lines, '', ''].join('\r\n');
    const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
    const exchange = (text) => new Promise((resolve) => {
      const socket = net.connect(Number(port), hostname, () => socket.write(text));
      let got = '';
      const end = () => { socket.destroy(); resolve(got); };
      socket.on('data', (part) => { got += part; });
      socket.on('error', end);
      socket.on('close', end);
      setTimeout(end, 700);
    });
    const hidden = `${head(`content-length: ${call.length}`)}${call}`;
    const answers = await Promise.all([
      exchange(`${head(`content-length: ${read.length}`, `content-length: ${read.length + hidden.length}`)}${read}${hidden}`),
      exchange(`${head('transfer-encoding: chunked', 'transfer-encoding: identity')}${chunk(call)}`),
      exchange(`${head('transfer-encoding: xchunked')}${chunk(call)}`),
      exchange(`${head(`content-length: +${call.length}`)}${call}`),
      exchange(`${head(`content-length: 0x${call.length.toString(16)}`)}${call}`),
    ]);
    assert.equal(await world.chain.balance(to), 0n, answers.join('\n---\n'));
    for (const answer of answers) assert.ok(!answer.includes('"result":"0x'), answer);
    // With a length and chunks the chunks count, as RFC 9112 has it, and nothing behind them is read.
    const both = await exchange(`${head('content-length: 4', 'transfer-encoding: chunked')}${chunk(read)}${hidden}`);
    assert.ok(both.split('HTTP/1.1 ').length <= 2, both);
    assert.match(both, / 400 |connection: close/);
    await untouched(found, to);
  });

  promise('signed transactions are spent only if they are what a limit can count', async (t) => {
    const { gateway, chain } = world;
    const found = await spender(world, t, MANY);
    const { wallet, from, token } = found;
    const to = anyAddress();
    const fees = { maxFeePerGas: 2n * GIGAWEI, maxPriorityFeePerGas: 1n, gasLimit: 21_000n };
    const sound = { type: 2, chainId: CHAIN_ID, nonce: 0, to, value: 1n, ...fees };
    const legacy = { type: 0, nonce: 0, to, value: 1n, gasPrice: 2n * GIGAWEI, gasLimit: 21_000n };
    const raw = async (transaction, signer = wallet.signer) => gateway.call(token, 'eth_sendRawTransaction', [await signer.signTransaction(transaction)]);
    const stranger = ethers.Wallet.createRandom();
    refusedWith(await raw({ ...sound, chainId: 1 }), 'wrong_chain');
    refusedWith(await raw({ ...legacy, chainId: 1 }), 'wrong_chain');
    refusedWith(await raw({ ...legacy, chainId: 0 }), 'not_supported', 'wrong_chain');
    refusedWith(await raw(sound, stranger), 'not_supported');
    refusedWith(await raw({ ...sound, to: null, data: '0x00' }), 'not_supported');
    refusedWith(await raw({ ...sound, maxFeePerGas: 301n * GIGAWEI }), 'not_supported');
    refusedWith(await raw({ ...sound, maxFeePerGas: 100n * GIGAWEI, maxPriorityFeePerGas: 21n * GIGAWEI }), 'not_supported');
    refusedWith(await raw({ ...sound, gasLimit: 1_000_001n }), 'not_supported');
    const authorization = { address: to, nonce: 0n, chainId: BigInt(CHAIN_ID), signature: await wallet.signer.authorize({ address: to, nonce: 0n, chainId: CHAIN_ID }).then((signed) => signed.signature) };
    refusedWith(await raw({ ...sound, type: 4, gasLimit: 100_000n, authorizationList: [authorization] }), 'not_supported');
    const blob = { ...sound, type: 3, maxFeePerBlobGas: 1n, blobVersionedHashes: [`0x01${'00'.repeat(31)}`] };
    refusedWith(await raw(blob), 'not_supported');
    const signed = await wallet.signer.signTransaction(sound);
    for (const text of [`${signed}00`, signed.slice(0, -2), signed.slice(2), signed.replace('0x02', '0x01'), '0x', '0x02', `0x00${signed.slice(2)}`, [signed], 7, `0x${'f8'.repeat(200_000)}`]) {
      refusedWith(await gateway.call(token, 'eth_sendRawTransaction', [text]), 'undecodable', 'not_supported');
    }
    refusedWith(await gateway.call(token, 'eth_sendRawTransaction', [signed, signed]), 'undecodable');
    // The other half of the same signature: as good to whoever recovers, and to no node.
    const parsed = ethers.Transaction.from(signed);
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const high = ethers.concat(['0x02', ethers.encodeRlp([
      ethers.toBeArray(BigInt(CHAIN_ID)), '0x', ethers.toBeArray(1n), ethers.toBeArray(2n * GIGAWEI), ethers.toBeArray(21_000n), to, ethers.toBeArray(1n), '0x', [],
      parsed.signature.yParity ? '0x' : '0x01', ethers.toBeArray(BigInt(parsed.signature.r)), ethers.toBeArray(order - BigInt(parsed.signature.s)),
    ])]);
    refusedWith(await gateway.call(token, 'eth_sendRawTransaction', [high]), 'undecodable');
    await untouched(found, to);

    await mined(world.chain, await raw({ ...legacy, chainId: CHAIN_ID }));
    await mined(world.chain, await raw({ ...sound, nonce: 1 }));
    assert.equal(await chain.balance(to), 2n);
    assert.equal(await chain.count(from), 2);
  });

  promise('transactions of other kinds are refused when they are asked for, too', async (t) => {
    const found = await spender(world, t, MANY);
    const { from, token } = found;
    const to = anyAddress();
    const sound = { from, to, value: '0x1' };
    const data = COIN.encodeFunctionData('transfer', [to, 1n]);
    for (const [more, code] of [
      [{ chainId: '0x1' }, 'wrong_chain'], [{ to: undefined, data: '0x00' }, 'not_supported'], [{ to: null, data: '0x00' }, 'not_supported'],
      [{ authorizationList: [{}] }, 'not_supported'], [{ blobs: ['0x00'] }, 'not_supported'], [{ blobVersionedHashes: ['0x00'] }, 'not_supported'],
      [{ type: '0x3' }, 'not_supported'], [{ type: '0x4' }, 'not_supported'], [{ type: '0x1' }, 'not_supported'],
      [{ accessList: [{ address: to, storageKeys: [] }] }, 'not_supported'],
      [{ maxFeePerGas: hex(301n * GIGAWEI) }, 'not_supported'], [{ gasPrice: hex(301n * GIGAWEI) }, 'not_supported'],
      [{ maxPriorityFeePerGas: hex(21n * GIGAWEI), maxFeePerGas: hex(50n * GIGAWEI) }, 'not_supported'],
      [{ gas: hex(1_000_001n) }, 'not_supported'], [{ gas: '0x5208', gasLimit: '0x5209' }, 'undecodable'],
      [{ gasPrice: '0x1', maxFeePerGas: '0x1' }, 'undecodable'], [{ data, input: '0x' }, 'undecodable'], [{ type: '0x0', maxFeePerGas: '0x1' }, 'undecodable'],
    ]) {
      refusedWith(await world.gateway.send(token, { ...sound, ...more }), code);
    }
    await untouched(found, to);
  });

  promise('a fee above what the token may still spend is refused before anything is signed', async (t) => {
    const found = await spender(world, t, ['hteth 0.001/day']);
    const { from, token } = found;
    const to = anyAddress();
    const dear = { gas: hex(1_000_000n), maxFeePerGas: hex(2n * GIGAWEI), maxPriorityFeePerGas: '0x1' };
    refusedWith(await world.gateway.send(token, { from, to, value: '0x1', ...dear }), 'limit_exceeded');
    const signed = await found.wallet.signer.signTransaction({ type: 2, chainId: CHAIN_ID, nonce: 0, to, value: 1n, gasLimit: 1_000_000n, maxFeePerGas: 2n * GIGAWEI, maxPriorityFeePerGas: 1n });
    refusedWith(await world.gateway.call(token, 'eth_sendRawTransaction', [signed]), 'limit_exceeded');
    await untouched(found, to);
  });

  promise('the fees of a wallet in a day have a ceiling that no limit lifts', async (t) => {
    const found = await spender(world, t, ['hteth unlimited']);
    const { from, token } = found;
    const to = anyAddress();
    // 0.15 ether for one spend, where the rail's own ceiling is a tenth.
    const dear = { gas: hex(1_000_000n), maxFeePerGas: hex(150n * GIGAWEI), maxPriorityFeePerGas: '0x1' };
    const answer = await world.gateway.send(token, { from, to, value: '0x1', ...dear });
    assert.ok(answer.error, JSON.stringify(answer));
    await untouched(found, to);
  });

  promise('no credential of the client\'s comes back or goes on', async (t) => {
    const { token } = await spender(world, t, MANY);
    const { text, headers } = await world.gateway.post(token, { jsonrpc: '2.0', id: 1, method: 'eth_getBlockByNumber', params: ['latest', true] });
    assert.ok(!text.includes(token.text));
    assert.equal(headers.get('authorization'), null);
  });
});
