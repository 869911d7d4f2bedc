// Spends the money of a wallet whose key BitGo Express has: within a token's limit, above it, and while Express is gone.
const { startUpstream, startExpress, startFront, issueToken, sdk } = require('./start');

const RECIPIENT = 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx';
const LIMIT = '150000';
const AMOUNT = '100000';
const LITTLE = '10000';

if (!process.env.BURSAR_BIN) {
  console.error('BURSAR_BIN is not set: `cargo xtask example express` sets it to the binary it builds');
  process.exit(2);
}

const failure = (promise) => promise.then(() => undefined, (error) => error);

async function main() {
  const upstream = await startUpstream('1000000');
  const express = await startExpress(upstream);
  const front = await startFront(upstream, express);
  const token = await issueToken(front, 'Example', LIMIT);
  console.log(`BitGo Express signs at ${express.url}; clients speak to ${front.url}, with a token that may spend ${LIMIT} satoshi.`);

  // From here on it is what any client of BitGo's writes.
  const bitgo = sdk(front, token);
  const { wallets } = await bitgo.get(bitgo.url('/tbtc/wallet', 2)).result();
  const wallet = wallets.find(({ label }) => label === 'Treasury');
  const send = (sequenceId, amount) =>
    bitgo
      .post(bitgo.url(`/tbtc/wallet/${wallet.id}/sendcoins`, 2))
      .send({ address: RECIPIENT, amount, sequenceId })
      .result();

  const { seen } = upstream.service;
  const sent = await send('rent', AMOUNT);
  if (seen.signed !== 1) throw new Error('BitGo Express signed nothing');
  console.log(`Sent ${AMOUNT} satoshi, signed by BitGo Express: ${sent.txid}.`);
  const again = await send('rent', AMOUNT);
  if (again.txid !== sent.txid || seen.signed !== 1) throw new Error('the same sequenceId was sent twice');

  const refused = await failure(send('more rent', AMOUNT));
  if (refused?.result?.context?.code !== 'limit_exceeded' || seen.signed !== 1) {
    throw new Error(`above the limit, it was not refused as it should be: ${refused?.message}`);
  }
  console.log(`Refused another ${AMOUNT} satoshi: ${refused.message}. BitGo Express was not asked.`);

  // The upstream itself is asked, past the Bursar in front, with the token that no client has.
  const operator = sdk(upstream.server, upstream.token);
  const transfers = operator.url(`/tbtc/wallet/${upstream.wallet}/transfer`, 2);
  const { transfers: [only, ...others] } = await operator.get(transfers).result();
  if (others.length || only.txid !== sent.txid || only.valueString !== `-${AMOUNT}`) {
    throw new Error(`the upstream's wallet has other transfers: ${JSON.stringify([only, ...others])}`);
  }
  console.log(`The upstream's wallet has one transfer: ${only.valueString} satoshi, ${only.state}, as ${only.sequenceId}.`);

  await express.stop();
  const gone = await failure(send('later', LITTLE));
  if (!gone || seen.signed !== 1) throw new Error('it was sent without BitGo Express');
  console.log(`Without BitGo Express: ${gone.status}, ${gone.message}.`);

  const told = JSON.stringify([wallets, sent, refused.result, gone.result]);
  if (told.includes(upstream.token) || told.includes(upstream.passphrase)) {
    throw new Error('the client was shown the upstream\'s token or the passphrase of its wallet');
  }
  console.log('The client was shown neither the upstream\'s token nor the passphrase of its wallet.');
}

main().then(() => process.exit(0), (error) => {
  console.error(error.message);
  process.exit(1);
});
