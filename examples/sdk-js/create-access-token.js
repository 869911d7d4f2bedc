// Logs in with password and OTP, and prints a new access token with a spending limit.
const { BitGoAPI } = require('@bitgo/sdk-api');

// Without BITGO_CUSTOM_ROOT_URI, which points this at Bursar, the SDK would send the password elsewhere.
for (const name of ['PASS', 'BITGO_CUSTOM_ROOT_URI']) {
  if (!process.env[name]) {
    console.error(`${name} is not set: export it as 'bursar dev' prints it`);
    process.exit(2);
  }
}

const bitgo = new BitGoAPI({ env: 'test' });

async function main() {
  await bitgo.authenticate({
    username: process.env.BURSAR_USERNAME || 'user@example.com',
    password: process.env.PASS,
    otp: '000000',
  });

  const result = await bitgo.addAccessToken({
    otp: '000000',
    label: 'Admin Access Token',
    scope: [
      'metamask_institutional',
      'openid',
      'pending_approval_update',
      'portfolio_view',
      'profile',
      'trade_trade',
      'trade_view',
      'wallet_approve_all',
      'wallet_create',
      'wallet_edit_all',
      'wallet_manage_all',
      'wallet_spend_all',
      'wallet_view_all',
    ],
    spendingLimits: [{ coin: 'tbtc', txValueLimit: '1000000000' }],
  });

  console.log(result);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
