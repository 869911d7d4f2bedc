// Spends the money of another Bursar with BitGo's SDK: within a token's limit, and above it.
const { startUpstream, startFront, issueToken, sdk } = require('./start');

const RECIPIENT = 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx';
const LIMIT = '150000';
const AMOUNT = '100000';

if (!process.env.BURSAR_BIN) {
  console.error('BURSAR_BIN is not set: `cargo xtask example bitgo` sets it to the binary it builds');
  process.exit(2);
}

/** What a client reads of the wallet is what the upstream has, under the name that it has in front. */
async function read(bitgo, { id }, operator, theirs) {
  const wallet = await bitgo.get(bitgo.url(`/tbtc/wallet/${id}`, 2)).result();
  const there = await operator.get(operator.url(`/tbtc/wallet/${theirs}`, 2)).result();
  if (wallet.id !== id || wallet.confirmedBalanceString !== there.confirmedBalanceString) {
    throw new Error(`the wallet reads otherwise in front: ${JSON.stringify([wallet, there])}`);
  }
  const addresses = (api, name) => api.get(api.url(`/tbtc/wallet/${name}/addresses`, 2)).result();
  const [own, others] = [await addresses(bitgo, id), await addresses(operator, theirs)];
  const texts = (list) => JSON.stringify(list.addresses.map(({ address }) => address));
  if (texts(own) !== texts(others)) throw new Error('the addresses are not those of the upstream');
  // What a route of the table does that only the upstream can: this one is passed on as it is, and moves nothing.
  const build = bitgo.url(`/tbtc/wallet/${id}/tx/build`, 2);
  const built = await bitgo.post(build).send({ recipients: [{ address: RECIPIENT, amount: AMOUNT }] }).result();
  if (!built.txHex) throw new Error(`the upstream built nothing: ${JSON.stringify(built)}`);
  console.log(`Read through it: ${wallet.confirmedBalanceString} satoshi, the same addresses, and a transaction of ${built.txHex.length / 2} bytes.`);
}

async function main() {
  const upstream = await startUpstream('1000000');
  const front = await startFront(upstream);
  const token = await issueToken(front, 'Example', LIMIT);
  console.log(`The money is at ${upstream.server.url}; clients speak to ${front.url}, with a token that may spend ${LIMIT} satoshi.`);

  // From here on it is what any client of BitGo's writes.
  const bitgo = sdk(front, token);
  const { wallets } = await bitgo.get(bitgo.url('/tbtc/wallet', 2)).result();
  const wallet = wallets.find(({ label }) => label === 'Treasury');
  await read(bitgo, wallet, sdk(upstream.server, upstream.token), upstream.wallet);
  const send = (sequenceId) =>
    bitgo
      .post(bitgo.url(`/tbtc/wallet/${wallet.id}/sendcoins`, 2))
      .send({ address: RECIPIENT, amount: AMOUNT, sequenceId })
      .result();

  const sent = await send('rent');
  console.log(`Sent ${AMOUNT} satoshi: ${sent.txid}.`);
  const again = await send('rent');
  if (again.txid !== sent.txid) throw new Error('the same sequenceId was sent twice');

  const refused = await send('more rent').then(() => undefined, (error) => error);
  if (refused?.result?.context?.code !== 'limit_exceeded') {
    throw new Error(`above the limit, it was not refused as it should be: ${refused?.message}`);
  }
  console.log(`Refused another ${AMOUNT} satoshi: ${refused.message}.`);

  // The upstream itself is asked, past the Bursar in front, with the token that no client has.
  const operator = sdk(upstream.server, upstream.token);
  const transfers = operator.url(`/tbtc/wallet/${upstream.wallet}/transfer`, 2);
  const { transfers: [only, ...others] } = await operator.get(transfers).result();
  if (others.length || only.txid !== sent.txid || only.valueString !== `-${AMOUNT}`) {
    throw new Error(`the upstream's wallet has other transfers: ${JSON.stringify([only, ...others])}`);
  }
  console.log(`The upstream's wallet has one transfer: ${only.valueString} satoshi, ${only.state}, as ${only.sequenceId}.`);

  const strange = await sdk(upstream.server, token).session().then(() => undefined, (error) => error);
  if (strange?.status !== 401) throw new Error('the client\'s token is good upstream, too');
  const told = JSON.stringify([wallets, sent, refused.result]);
  if (told.includes(upstream.token)) throw new Error('the client was shown the upstream\'s token');
  console.log('The client\'s token is worth nothing upstream, and the upstream\'s token was never shown to it.');
}

main().then(() => process.exit(0), (error) => {
  console.error(error.message);
  process.exit(1);
});
