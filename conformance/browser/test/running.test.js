'use strict';
// Somebody who runs the place looks into a spend, decides on one, sets limits for all, and stops what has to be stopped.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { OTP, house } = require('../browser');

const RECIPIENT = 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx';

const home = house();

/** What the token gets for a payment. */
async function spend(token, address, amount) {
  const wallet = home.server.wallets.find(({ coin }) => coin === 'tbtc').id;
  const answer = await fetch(`${home.server.url}/api/v2/tbtc/wallet/${wallet}/sendcoins`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ address, amount: String(amount), comment: 'rent for May' }),
  });
  return { status: answer.status, body: await answer.json() };
}

/** Waits until the server has asked what became of a token's lost spends, as it does every ten seconds. */
async function asked(token) {
  const headers = { authorization: `Bearer ${token}` };
  const get = async (path) => (await fetch(`${home.server.url}/bursar/v1/${path}`, { headers })).json();
  const { id } = await get('self');
  for (let tries = 0; tries < 200; tries += 1) {
    const { spends } = await get(`tokens/${id}/spends`);
    if (spends.every(({ state }) => state === 'captured')) return;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  assert.fail('nobody asked after the lost spend');
}

/** Sets what stands in the field, with a code. */
async function setLimits(owner, limits) {
  await owner.page.locator('textarea#limits').fill(limits);
  await owner.page.locator('#otp').fill(OTP);
  await owner.press('Save limits');
  await owner.sees('The limits are saved and hold from now on.');
}

test('a place is run in the browser: spends, limits, freezes and the trail', { timeout: 180_000 }, async () => {
  const owner = await home.visitor();
  await owner.go('/sign-in');
  await owner.fill('Username', home.server.username);
  await owner.fill('Password', home.server.password);
  await owner.press('Go on');
  await owner.fill('Code', OTP);
  await owner.press('Sign in');
  await owner.page.waitForURL('**/tokens');
  await owner.go('/tokens/new?label=Rent+bot&scope=wallet_spend_all,wallet_view_all&limit=tbtc+0.5/day');
  await owner.page.getByLabel(/the address you come from now/).check();
  await owner.press('Review');
  await owner.page.locator('#otp').fill(OTP);
  await owner.press('Make the token');
  const secret = await owner.page.getByLabel('Secret of the token').inputValue();
  assert.equal((await spend(secret, RECIPIENT, 40000)).status, 200);
  assert.equal((await spend(secret, 'sandbox:drop-answer', 1)).status, 409);

  // One spend in full, and one of which nobody knows the outcome.
  await owner.follow('Tokens');
  await owner.follow('Rent bot');
  await owner.look('token-two-spends');
  await owner.page.getByRole('link', { name: /: the spend in full/ }).last().click();
  await owner.sees('Spend of 0.0004 tbtc');
  await owner.sees('rent for May');
  await owner.look('spend');
  await owner.follow('← Rent bot');
  // The next one stays lost for ten seconds: long enough to decide on it.
  await asked(secret);
  assert.equal((await spend(secret, 'sandbox:never', 7000)).status, 409);
  await owner.page.reload();
  await owner.page.getByRole('link', { name: /: the spend in full/ }).first().click();
  await owner.sees('Nobody knows whether this money moved');
  await owner.look('spend-unresolved');
  const lost = owner.page.url();
  await owner.follow('Say what became of it');
  await owner.page.getByLabel('It did not move and will not').check();
  await owner.page.getByLabel('What you saw', { exact: true }).fill('the rail has no such payment');
  await owner.page.locator('#otp').fill(OTP);
  await owner.press('Record it');
  await owner.sees('What became of the spend is recorded.');
  await owner.go(lost);
  await owner.sees('The money did not move');
  await owner.look('spend-released');

  // A wallet is stopped, and goes on.
  await owner.follow('Wallets');
  await owner.follow('Sandbox tbtc');
  await owner.look('wallet');
  await owner.follow('Freeze it');
  await owner.page.getByLabel(/^For how many days/).fill('soon');
  await owner.press('Freeze it');
  await owner.sees('There is a problem');
  await owner.page.getByLabel(/^Why/).fill('the laptop with its key was lost');
  await owner.page.getByLabel(/^For how many days/).fill('3');
  await owner.look('wallet-freeze');
  await owner.press('Freeze it');
  await owner.sees('The laptop with its key was lost.');
  await owner.look('wallet-frozen');
  assert.equal((await spend(secret, RECIPIENT, 100)).body.context.code, 'wallet_frozen');
  await owner.follow('Lift the freeze');
  await owner.look('wallet-unfreeze');
  await owner.page.locator('#otp').fill(OTP);
  await owner.press('Lift it');
  await owner.sees('The freeze is lifted');
  assert.equal((await spend(secret, RECIPIENT, 100)).status, 200);

  // Limits of the organisation, of a member, of oneself.
  await owner.follow('People');
  await owner.follow('default');
  await owner.follow('Edit limits');
  await owner.look('organisation-limits');
  await setLimits(owner, 'tbtc 0.001/day');
  await owner.look('organisation-limited');
  const refused = await spend(secret, RECIPIENT, 90000);
  assert.equal(refused.body.context.code, 'limit_exceeded');
  assert.match(refused.body.error, /the organisation's limit/);
  await owner.follow('Freeze it');
  await owner.look('organisation-freeze');
  await owner.press('Freeze it');
  await owner.sees('none of its money is spent');
  assert.equal((await spend(secret, RECIPIENT, 100)).body.context.code, 'organisation_frozen');
  await owner.follow('Lift the freeze');
  await owner.page.locator('#otp').fill(OTP);
  await owner.press('Lift it');
  await owner.sees('The freeze of the organisation is lifted.');
  await owner.page.getByRole('link', { name: /^Change / }).first().click();
  await owner.follow('Edit limits');
  await setLimits(owner, '20 spends/hour');
  await owner.look('member-limited');
  await owner.follow('Account');
  await owner.sees('20 spends');
  await owner.look('account-limited');

  await owner.follow('Audit');
  await owner.sees('token “Rent bot”');
  await owner.look('audit-names');
  await owner.page.getByText('Of whom and of what').click();
  await owner.page.getByLabel(/^By user/).fill('nobody@example.com');
  await owner.press('Show');
  await owner.sees('Names nobody whom you know');
  await owner.look('audit-nobody');
  await owner.page.getByLabel(/^By user/).fill(home.server.username);
  await owner.press('Show');
  await owner.sees('froze a wallet');
  await owner.leave();
});
