// Spends test bitcoin with the guide's token: within its limit, and above it.
const { startChain, startBursar, issueToken, ELSEWHERE, SATOSHI } = require('./start');

const LIMIT = 150_000_000n;
const AMOUNT = 1;

if (!process.env.BURSAR_BIN) {
  console.error('BURSAR_BIN is not set: `cargo xtask example bitcoin` sets it to the binary it builds');
  process.exit(2);
}

const btc = (satoshi) => `${Number(satoshi) / SATOSHI} BTC`;

async function main() {
  const chain = await startChain();
  const server = await startBursar(chain);
  const token = await issueToken(server, LIMIT);
  console.log(`A chain of test money runs in this process, Bursar in front of it at ${server.url}.`);
  console.log(`The wallet has ${btc(await chain.worth())}. The token, made with BitGo's SDK, may spend ${btc(LIMIT)} in its life.`);

  // From here on it is what any client of a node does, with the token in place of the node's password.
  const call = async (method, ...params) => {
    const answer = await fetch(`${server.url}/rail/bitcoin`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`any:${token}`).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ jsonrpc: '1.0', id: 1, method, params }),
    });
    return answer.json();
  };

  const before = await chain.worth();
  const sent = await call('sendtoaddress', ELSEWHERE, AMOUNT);
  if (sent.error) throw new Error(sent.error.message);
  await chain.mine(sent.result);
  const gone = before - await chain.worth();
  const fee = gone - BigInt(AMOUNT * SATOSHI);
  console.log(`Sent ${AMOUNT} BTC to ${ELSEWHERE}: transaction ${sent.result}, for a fee of ${fee} satoshi.`);

  const refused = await call('sendtoaddress', ELSEWHERE, AMOUNT);
  if (refused.result) throw new Error('a second bitcoin went through, above the limit');
  if (refused.error.data?.code !== 'limit_exceeded') throw new Error(refused.error.message);
  console.log(`Refused another ${AMOUNT} BTC: ${refused.error.message}.`);

  // The chain itself is asked, past Bursar.
  await chain.mine();
  const [paid, left] = [await chain.paid(ELSEWHERE), await chain.worth()];
  if (paid !== BigInt(AMOUNT * SATOSHI) || before - left !== gone) {
    throw new Error(`the chain says that the recipient has ${btc(paid)} and the wallet ${btc(left)}`);
  }
  console.log(`The chain says that the recipient has ${btc(paid)}, and the wallet ${btc(left)} left.`);
}

main().then(() => process.exit(0), (error) => {
  console.error(error.message);
  process.exit(1);
});
