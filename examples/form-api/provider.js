// A provider of payments with a form API, in memory. It knows one key, and charges once for each idempotency key.
const { createServer } = require('node:http');

function startProvider(key) {
  const charges = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const answer = (status, told) => {
        response.writeHead(status, { 'content-type': 'application/json', 'request-id': `req_${charges.length}` });
        response.end(JSON.stringify(told));
      };
      if (request.headers.authorization !== `Bearer ${key}`) return answer(401, { error: 'no such key' });
      const found = (one) => (one ? answer(200, one.charge) : answer(404, { error: 'no such charge' }));
      const shown = /^\/v1\/charges\/(by-key\/)?([^/]+)$/.exec(request.url);
      if (request.method === 'GET' && shown) {
        return found(charges.find((one) => (shown[1] ? one.key : one.charge.id) === decodeURIComponent(shown[2])));
      }
      if (request.method !== 'POST' || request.url !== '/v1/charges') return answer(404, { error: 'no such place' });
      const named = request.headers['idempotency-key'];
      const before = charges.find((one) => one.key === named);
      if (before) return found(before);
      const form = new URLSearchParams(body);
      const amount = Number(form.get('amount'));
      if (form.get('source') === 'tok_declined') return answer(402, { error: 'the card was declined' });
      const charge = {
        id: `ch_${charges.length + 1}`, object: 'charge', status: 'succeeded', amount, amount_captured: amount,
        currency: form.get('currency'), source: form.get('source'),
      };
      charges.push({ key: named, charge });
      return answer(200, charge);
    });
  });
  return { server, charges };
}

module.exports = { startProvider };
