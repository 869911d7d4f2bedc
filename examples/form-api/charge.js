// Charges a card through Bursar: within a token's limit, again under the same key, declined, and above the limit.
const path = require('node:path');
const { startProvider } = require('./provider');
const { startBursar, issueToken, listen } = require('./start');

const KEY = 'rk_test_restricted';
const LIMIT = 'usd 20/day';

if (!process.env.BURSAR_BIN) {
  console.error('BURSAR_BIN is not set: `cargo xtask example form-api` sets it to the binary it builds');
  process.exit(2);
}

function check(holds, problem) {
  if (!holds) throw new Error(problem);
}

async function main() {
  const { server, charges } = startProvider(KEY);
  const url = await listen(server);
  const rules = path.join(__dirname, 'rails.toml');
  const bursar = await startBursar({ rules, rail: 'payments', coin: 'usd', url, key: KEY });
  const token = await issueToken(bursar, [LIMIT]);
  console.log(`A provider runs at ${url}, Bursar at ${bursar.url}. The token may spend: ${LIMIT}.`);

  // From here on it is what any client of the provider does, with the token in place of the provider's key.
  const api = `${bursar.url}/rail/payments/v1`;
  const authorization = `Bearer ${token}`;
  const charge = async (key, form) => {
    const headers = { authorization, 'idempotency-key': key };
    const answer = await fetch(`${api}/charges`, { method: 'POST', headers, body: new URLSearchParams(form) });
    return { status: answer.status, told: await answer.json() };
  };

  const order = { amount: '1500', currency: 'usd', source: 'tok_visa', description: 'Order 7' };
  const first = await charge('order-7', order);
  check(first.status === 200, JSON.stringify(first));
  console.log(`Charged $15.00: ${first.told.id}, ${first.told.status}.`);

  const again = await charge('order-7', order);
  check(again.told.id === first.told.id && charges.length === 1, 'the same order was charged twice');
  console.log(`Asked again under the same key: ${again.told.id}, and nothing was charged again.`);

  const shown = await fetch(`${api}/charges/${first.told.id}`, { headers: { authorization } });
  check((await shown.json()).id === first.told.id, 'the charge is not shown');

  const declined = await charge('order-8', { ...order, amount: '100', source: 'tok_declined' });
  check(declined.status === 402, JSON.stringify(declined));
  console.log(`Declined by the provider, in its own words: ${declined.told.error}.`);

  const above = await charge('order-9', { ...order, amount: '501' });
  check(above.told.code === 'limit_exceeded', JSON.stringify(above));
  console.log(`Refused $5.01 more: ${above.told.detail}.`);

  const twice = await fetch(`${api}/charges`, {
    method: 'POST',
    headers: { authorization, 'idempotency-key': 'order-10', 'content-type': 'application/x-www-form-urlencoded' },
    body: 'amount=1&currency=usd&source=tok_visa&amount=50000',
  });
  check((await twice.json()).code === 'undecodable', 'an amount that is there twice went through');

  check(charges.length === 1 && charges[0].charge.amount === 1500, JSON.stringify(charges));
  console.log(`The provider says that it charged $${(charges[0].charge.amount / 100).toFixed(2)}, once.`);
}

main().then(() => process.exit(0), (error) => {
  console.error(error.message);
  process.exit(1);
});
