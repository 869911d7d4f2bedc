'use strict';
// A double of BitGo that has one wallet with shared keys: it signs its answers with the SDK's own code, keeps the transaction
// requests that it is asked for, and shows a transfer once one of them is delivered.

const { createServer } = require('node:http');
const { calculateHMAC, calculateHMACSubject } = require('@bitgo/sdk-hmac');

const TOKEN = `v2x${'0'.repeat(64)}`;
const WALLET = '5f3c';

class Upstream {
  constructor() {
    this.requests = [];
    this.heard = [];
  }

  start() {
    this.server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => { text += chunk; });
      request.on('end', () => this.#answer(request, text, response));
    });
    return new Promise((resolve) => this.server.listen(0, '127.0.0.1', () => {
      this.url = `http://127.0.0.1:${this.server.address().port}`;
      resolve();
    }));
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  #answer({ method, url, headers }, text, response) {
    const [path] = url.split('?');
    this.heard.push({ method, path, body: text && JSON.parse(text), headers });
    const [status, shown] = this.#says(method, path, text && JSON.parse(text));
    const [body, timestamp] = [JSON.stringify(shown), Date.now()];
    const subject = calculateHMACSubject({ urlPath: url, text: body, timestamp, statusCode: status, method, authVersion: 3 });
    response.writeHead(status, { timestamp, hmac: calculateHMAC(TOKEN, subject), 'content-type': 'application/json' });
    response.end(body);
  }

  #says(method, path, asked) {
    const place = path.split('/txrequests')[1];
    if (method === 'GET' && place === '') return [200, { txRequests: this.requests }];
    if (method === 'POST' && place === '') {
      const request = {
        txRequestId: `0b6f-${this.requests.length}`, walletId: WALLET, version: 1, latest: true, state: 'pendingUserSignature',
        intent: asked.intent, apiVersion: asked.apiVersion, transactions: [{ state: 'pendingSignature', unsignedTx: { serializedTxHex: '00' } }],
      };
      this.requests.push(request);
      return [200, request];
    }
    if (place) {
      const found = this.requests.find(({ txRequestId }) => place.startsWith(`/${txRequestId}/`));
      if (place.endsWith('/send')) found.state = 'delivered';
      return [200, found];
    }
    const named = path.match(/\/transfer\/sequenceId\/(.+)$/);
    if (named) {
      const found = this.requests.find(({ intent }) => intent.sequenceId === named[1]);
      return found?.state === 'delivered' ? [200, transfer(found)] : [404, { error: 'no such transfer' }];
    }
    if (path.endsWith(`/wallet/${WALLET}`)) {
      return [200, { id: WALLET, coin: 'tbtc', permissions: ['view', 'spend'], confirmedBalanceString: '100000' }];
    }
    return [200, {}];
  }
}

/** The transfer of a request that was delivered, with a fee of seven. */
function transfer({ intent: { sequenceId, recipients } }) {
  const entries = recipients.map(({ address, amount }) => ({ address: address.address, valueString: amount.value }));
  const sum = entries.reduce((total, { valueString }) => total + BigInt(valueString), 7n);
  return {
    id: 't1', sequenceId, coin: 'tbtc', wallet: WALLET, state: 'confirmed', txid: 'ab'.repeat(32), valueString: `-${sum}`, feeString: '7', entries,
  };
}

module.exports = { Upstream, TOKEN, WALLET };
