// An application that pays out. It knows nothing of tokens: whatever reaches it was allowed, and has the id of its spend.
const { createServer } = require('node:http');

/** Starts it on a free port. `giveBack` is called with the spend of a payout that fails. */
function startApplication(giveBack) {
  const paid = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://application');
    const [, collection, payee] = url.pathname.split('/');
    const spend = request.headers['bursar-spend-id'];
    const answer = (status, told) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(told));
    if (request.headers.authorization) return answer(500, { problem: 'the token came through' });
    if (request.method === 'GET' && collection === 'payouts') return answer(200, { paid });
    if (request.method !== 'POST' || !spend) return answer(500, { problem: 'this was not allowed' });
    if (collection === 'failing') {
      await giveBack(spend);
      return answer(502, { problem: 'the bank is closed', spend });
    }
    paid.push({ payee, amount: url.searchParams.get('amount'), spend });
    return answer(200, { spend });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ server, paid, port: server.address().port })));
}

module.exports = { startApplication };
