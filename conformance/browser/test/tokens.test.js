'use strict';
// Somebody who has never seen Bursar signs in, makes a limited token, and sees it spend, refused and ended.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { OTP, house } = require('../browser');

const RECIPIENT = 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx';

const home = house();

async function signedIn(options) {
  const visitor = await home.visitor(options);
  await visitor.go('/');
  await visitor.fill('Username', home.server.username);
  await visitor.fill('Password', home.server.password);
  await visitor.press('Go on');
  await visitor.fill('Code', OTP);
  await visitor.press('Sign in');
  await visitor.page.waitForURL('**/tokens');
  return visitor;
}

/** What the token gets for a payment. */
async function spend(token, amount) {
  const wallet = home.server.wallets.find(({ coin }) => coin === 'tbtc').id;
  const answer = await fetch(`${home.server.url}/api/v2/tbtc/wallet/${wallet}/sendcoins`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ address: RECIPIENT, amount: String(amount) }),
  });
  return answer.status;
}

test('a limited token is made, spends, is looked at, changed and revoked', async () => {
  const visitor = await home.visitor();
  await visitor.go('/');
  await visitor.look('sign-in');
  await visitor.fill('Username', home.server.username);
  await visitor.fill('Password', 'wrong');
  await visitor.press('Go on');
  await visitor.sees('There is a problem');
  await visitor.look('sign-in-problem');
  await visitor.fill('Password', home.server.password);
  await visitor.press('Go on');
  await visitor.sees('One more step');
  await visitor.look('sign-in-code');
  await visitor.fill('Code', OTP);
  await visitor.press('Sign in');
  await visitor.sees('No tokens yet');
  await visitor.look('tokens-empty');

  await visitor.follow('Make the first token');
  await visitor.page.getByRole('link', { name: /^One wallet, so much a day/ }).click();
  await visitor.page.getByLabel('What uses this token', { exact: true }).fill('Payout bot on server 3');
  await visitor.page.getByLabel('Limits').fill('tbtc 0.5/day\n20 spends/hour');
  await visitor.sees('Up to 0.5 tbtc in any 24 hours, fees included.');
  await visitor.look('new-token');
  await visitor.page.getByLabel('Sandbox tbtc').uncheck();
  await visitor.page.getByLabel('Sandbox hteth').uncheck();
  await visitor.press('Review');
  await visitor.sees('Choose the wallets');
  await visitor.look('new-token-problem');
  await visitor.page.getByLabel('Sandbox tbtc').check();
  await visitor.page.getByLabel('Limits').fill('tbtc 0.5/mnoth');
  await visitor.sees('at character 10');
  await visitor.page.getByLabel('Limits').fill('tbtc 0.5/day\n20 spends/hour');
  await visitor.page.getByLabel(/the address you come from now/).check();
  await visitor.press('Review');
  await visitor.sees('Is this what you want?');
  await visitor.look('review');
  await visitor.page.locator('#otp').fill(OTP);
  await visitor.press('Make the token');
  await visitor.sees('Keep this secret now');
  const secret = await visitor.page.getByLabel('Secret of the token').inputValue();
  assert.match(secret, /^v2x[0-9a-f]{64}$/);
  await visitor.press('Copy');
  await visitor.page.getByRole('button', { name: 'Copied' }).waitFor();
  assert.equal(await visitor.page.evaluate(() => navigator.clipboard.readText()), secret);
  // A picture of a page with a secret is a secret: this one is of a throw-away home.server.
  await visitor.look('secret');
  await visitor.page.reload();
  await visitor.sees('The secret is not shown again');
  await visitor.look('secret-gone');

  assert.equal(await spend(secret, 20_000_000), 200);
  assert.equal(await spend(secret, 12_345_678), 200);
  assert.equal(await spend(secret, 30_000_000), 401);

  await visitor.go('/tokens');
  await visitor.sees('Payout bot on server 3');
  await visitor.look('tokens');
  await visitor.follow('Payout bot on server 3');
  await visitor.sees('Latest refusals, and why');
  await visitor.look('token');
  await visitor.follow('Edit limits');
  await visitor.look('limits');
  await visitor.page.getByLabel('Limits').fill('tbtc 1/day');
  await visitor.press('Save limits');
  await visitor.sees('needs a code');
  await visitor.page.locator('#otp').fill(OTP);
  await visitor.press('Save limits');
  await visitor.sees('The limits are saved');
  assert.equal(await spend(secret, 30_000_000), 200);

  await visitor.press('Lock');
  await visitor.sees('The token is locked');
  await visitor.look('token-locked');
  assert.equal(await spend(secret, 1), 401);
  await visitor.follow('Unlock or resume');
  await visitor.look('unlock');
  await visitor.page.getByLabel('For 10 minutes').check();
  await visitor.page.locator('#otp').fill(OTP);
  await visitor.press('Unlock or lift the lock');
  await visitor.sees('Unlocked for');
  await visitor.follow('Rotate');
  await visitor.look('rotate');
  await visitor.page.getByLabel('End it at once').check();
  await visitor.page.locator('#otp').fill(OTP);
  await visitor.press('Make a new secret');
  const rotated = await visitor.page.getByLabel('Secret of the token').inputValue();
  assert.notEqual(rotated, secret);
  assert.equal(await spend(secret, 1), 401);
  await visitor.follow('I have kept it');
  await visitor.follow('Revoke');
  await visitor.look('revoke');
  await visitor.press('Revoke this token');
  await visitor.sees('The token is revoked');
  assert.equal(await spend(rotated, 1), 401);

  await visitor.follow('Wallets');
  await visitor.look('wallets');
  await visitor.follow('Sandbox tbtc');
  await visitor.look('wallet');
  await visitor.go('/nowhere');
  await visitor.look('not-found');
  await visitor.press('Sign out');
  await visitor.sees('You are signed out.');
  await visitor.leave();
});

test('amounts of eighteen places leave what became of a spend in sight', async () => {
  const visitor = await signedIn();
  await visitor.go('/tokens/new?preset=spend&label=Ether&limit=hteth+1.000000000000000001/day');
  await visitor.page.getByLabel('Sandbox hteth').check();
  await visitor.press('Review');
  await visitor.page.getByLabel('It may be used from anywhere').check();
  await visitor.page.locator('#otp').fill(OTP);
  await visitor.press('Make the token');
  const secret = await visitor.page.getByLabel('Secret of the token').inputValue();
  const wallet = home.server.wallets.find(({ coin }) => coin === 'hteth').id;
  for (const amount of ['123456789012345678', '250', '300000000000000021']) {
    const answer = await fetch(`${home.server.url}/api/v2/hteth/wallet/${wallet}/sendcoins`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ address: '0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed', amount }),
    });
    assert.equal(answer.status, 200, await answer.text());
  }
  await visitor.go(`/wallets/${wallet}`);
  await visitor.look('wallet-ether');
  await visitor.go('/tokens');
  await visitor.follow('Ether');
  await visitor.look('token-ether');
  await visitor.go('/audit');
  await visitor.look('audit-ether');
  await visitor.leave();
});

test('without scripts a token is made all the same', async () => {
  const visitor = await signedIn({ javaScriptEnabled: false });
  await visitor.go('/tokens/new?preset=read&label=Reporting');
  await visitor.press('Review');
  await visitor.page.getByLabel('It may be used from anywhere').check();
  await visitor.page.locator('#otp').fill(OTP);
  await visitor.press('Make the token');
  const secret = await visitor.page.getByLabel('Secret of the token').inputValue();
  assert.match(secret, /^v2x[0-9a-f]{64}$/);
  assert.equal(await visitor.page.getByRole('button', { name: 'Copy' }).count(), 0);
  assert.equal(await spend(secret, 1), 403);
  await visitor.leave();
});

test('the chosen theme stays', async () => {
  const visitor = await signedIn();
  await visitor.press('Dark');
  const ground = () => visitor.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await visitor.page.emulateMedia({ colorScheme: 'light' });
  await visitor.go('/wallets');
  assert.equal(await ground(), dark);
  await visitor.press('Light');
  assert.notEqual(await ground(), dark);
  await visitor.leave();
});

test('every page is used with the keyboard alone', async () => {
  const visitor = await signedIn();
  await visitor.go('/tokens/new');
  await visitor.page.keyboard.press('Tab');
  assert.equal(await visitor.page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  await visitor.page.keyboard.press('Enter');
  assert.equal(await visitor.page.evaluate(() => location.hash), '#main');
  await visitor.leave();
});
