// Spends with an access token: within its limit, over it, unlocked, locked, and when it is gone.
const { BitGoAPI } = require('@bitgo/sdk-api');

const OTP = '000000';
const RECIPIENT = 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx';

// Without BITGO_CUSTOM_ROOT_URI, which points this at Bursar, the SDK would send the password elsewhere.
for (const name of ['ACCESS_TOKEN', 'PASS', 'BITGO_CUSTOM_ROOT_URI']) {
  if (!process.env[name]) {
    console.error(`${name} is not set: "bursar dev" prints the exports, create-access-token.js the token`);
    process.exit(2);
  }
}

const bitgo = new BitGoAPI({ env: 'test' });

/** Spends, and says whether it went as it should: sent, or refused. */
async function sendcoins(wallet, what, amount, isSent) {
  let wasSent = true;
  try {
    const sent = await bitgo
      .post(bitgo.url(`/tbtc/wallet/${wallet.id}/sendcoins`, 2))
      .send({ address: RECIPIENT, amount })
      .result();
    console.log(`${what}: sent ${amount}, ${sent.txid}`);
  } catch (refused) {
    const { code } = (refused.result && refused.result.context) || {};
    console.log(`${what}: ${refused.message} (${code})`);
    wasSent = false;
  }
  if (wasSent !== isSent) {
    console.error(`It should ${isSent ? 'have been sent' : 'have been refused'}.`);
    process.exitCode = 1;
  }
}

async function main() {
  bitgo.authenticateWithAccessToken({ accessToken: process.env.ACCESS_TOKEN });
  const session = await bitgo.session();
  const { txValue, txValueLimit } = session.unlock.spendingLimits.tbtc;
  console.log(`${session.label}: ${txValue} of ${txValueLimit} spent`);

  const { wallets } = await bitgo.get(bitgo.url('/tbtc/wallet', 2)).result();
  const wallet = wallets.find(({ label }) => label === 'Sandbox tbtc') || wallets[0];
  await sendcoins(wallet, 'within the limit', '1000', true);
  await sendcoins(wallet, 'over the limit', String(txValueLimit), false);

  await bitgo.unlock({ otp: OTP, duration: 60 });
  await sendcoins(wallet, 'unlocked', '1000', true);
  await bitgo.lock();
  await sendcoins(wallet, 'locked', '1000', false);

  // Only a person's session removes tokens.
  const owner = new BitGoAPI({ env: 'test' });
  const username = process.env.BURSAR_USERNAME || 'user@example.com';
  await owner.authenticate({ username, password: process.env.PASS, otp: OTP });
  await owner.removeAccessToken({ id: session.id });
  await sendcoins(wallet, 'removed', '1000', false);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
