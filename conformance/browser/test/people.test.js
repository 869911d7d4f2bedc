'use strict';
// Somebody is invited, makes an account, sets up a second factor, forgets the password, is frozen; all through mails and pages.

const assert = require('node:assert/strict');
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { test } = require('node:test');

const { OTP, house } = require('../browser');

const GUEST = 'new.person@example.com';
const PASSWORD = 'seven small boats upon the lake';
const ANOTHER = 'eleven grey geese above the mill';

const home = house();

/** The newest link to this page in the mails that were sent to the file sink. */
async function link(page) {
  for (let tries = 0; tries < 50; tries += 1) {
    const mails = readdirSync(home.server.mailDir).filter((name) => name.endsWith('.eml')).sort();
    for (const name of mails.reverse()) {
      const text = readFileSync(join(home.server.mailDir, name), 'utf8').replace(/=\r?\n/g, '').replace(/=3D/g, '=');
      const found = text.match(new RegExp(`/${page}/[0-9A-Za-z_-]+`));
      if (found) return found[0];
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return assert.fail(`no mail has a link to ${page}`);
}

async function signIn(visitor, username, password, code) {
  await visitor.go('/sign-in');
  await visitor.fill('Username', username);
  await visitor.fill('Password', password);
  await visitor.press('Go on');
  if (code) {
    await visitor.page.locator('#otp').fill(code);
    await visitor.press('Sign in');
  }
}

test('somebody is invited, joins, forgets, is frozen and taken out', { timeout: 180_000 }, async () => {
  const owner = await home.visitor();
  await signIn(owner, home.server.username, home.server.password, OTP);
  await owner.follow('People');
  await owner.look('organisations');
  await owner.follow('default');
  await owner.look('organisation');
  await owner.follow('Invite somebody');
  await owner.page.getByLabel(/^E-mail address/).fill(GUEST);
  await owner.page.locator('#otp').fill(OTP);
  await owner.look('invite');
  await owner.press('Send the invitation');
  await owner.sees('The invitation is on its way');

  const guest = await home.visitor();
  const invitation = await link('invitation');
  await guest.go(invitation);
  await guest.sees('You are invited');
  await guest.look('invitation');
  await guest.page.getByLabel(/^Your name/).fill('Nia <b>Person</b>');
  await guest.page.getByLabel(/^New password$/).fill('password1234567');
  await guest.page.getByLabel(/^New password once more/).fill('password1234567');
  await guest.press('Make the account');
  await guest.sees('There is a problem');
  await guest.page.getByLabel(/^New password$/).fill(PASSWORD);
  await guest.page.getByLabel(/^New password once more/).fill(PASSWORD);
  await guest.press('Make the account');
  await guest.sees('Sign in');
  await guest.go(invitation);
  await guest.look('invitation-over');

  // Without a second factor of their own they can set one up, and little else.
  await signIn(guest, GUEST, PASSWORD);
  await guest.go('/security');
  await guest.sees('Set up a second factor first');
  await guest.look('security-first');
  await guest.follow('Add an authenticator app');
  await guest.press('Show the QR code');
  const totp = await guest.scan(guest.page.locator('.qr svg'));
  await guest.page.getByLabel(/^Code that the app shows now/).fill(totp.generate());
  await guest.press('Confirm');
  await guest.sees('Keep your recovery codes');
  const recovery = (await guest.page.getByLabel('Recovery codes').inputValue()).trim().split('\n');
  await guest.press('Sign out');

  await guest.go('/reset');
  await guest.page.getByLabel(/^Username/).fill(GUEST);
  await guest.look('reset');
  await guest.press('Send the link');
  await guest.sees('Look into your mail');
  await guest.look('reset-sent');
  await guest.go(await link('reset'));
  await guest.page.getByLabel(/^New password$/).fill(ANOTHER);
  await guest.page.getByLabel(/^New password once more/).fill(ANOTHER);
  await guest.look('reset-choose');
  await guest.press('Set the password');
  await signIn(guest, GUEST, ANOTHER, recovery[0]);
  await guest.page.waitForURL('**/tokens');

  await owner.page.reload();
  await owner.sees('Nia <b>Person</b>');
  await owner.look('organisation-two');
  await owner.page.getByRole('link', { name: 'Change Nia <b>Person</b>' }).click();
  await owner.look('member');
  await owner.follow('Freeze it …');
  await owner.look('member-freeze');
  await owner.page.getByLabel(/^Why/).fill('left the laptop on a train');
  await owner.press('Freeze the account');
  await owner.sees('The account is frozen');
  await guest.go('/tokens');
  await guest.sees('Sign in');
  await owner.page.getByRole('link', { name: 'Change Nia <b>Person</b>' }).click();
  await owner.look('member-frozen');
  await owner.page.locator('#otp').fill(OTP);
  await owner.press('Lift it');
  await owner.sees('The freeze is lifted');
  await owner.page.getByRole('link', { name: 'Change Nia <b>Person</b>' }).click();
  await owner.follow('Take them out …');
  await owner.look('member-remove');
  await owner.press('Take them out');
  await owner.sees('They do not belong to it any more');

  await owner.follow('Audit');
  await owner.sees('made an account');
  await owner.look('audit');
  await owner.page.getByLabel(/^Action/).fill('user');
  await owner.press('Show');
  await owner.look('audit-filtered');
  await owner.follow('Unresolved');
  await owner.look('unresolved-empty');
  await owner.follow('Wallets');
  await owner.follow('Sandbox tbtc');
  await owner.follow('Who may use it');
  await owner.sees('Give or take a role');
  await owner.look('wallet-people');
  await owner.follow('The interface');
  await owner.look('interface');
  await owner.leave();
  await guest.leave();
});
