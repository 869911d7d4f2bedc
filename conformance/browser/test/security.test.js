'use strict';
// Somebody sets up an authenticator app and a passkey, signs in with each, and takes them away again.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { OTP, house } = require('../browser');


const home = house();

async function password(visitor) {
  await visitor.go('/sign-in');
  await visitor.fill('Username', home.server.username);
  await visitor.fill('Password', home.server.password);
  await visitor.press('Go on');
}

async function code(visitor, text) {
  await visitor.page.locator('#otp').fill(text);
}

/** The next code of an app that has shown one just now: a code passes once. */
async function fresh(totp, last) {
  for (;;) {
    const text = totp.generate();
    if (text !== last) return text;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

test('an authenticator app and a passkey are set up and used', { timeout: 180_000 }, async () => {
  const visitor = await home.visitor();
  await visitor.passkeys();
  await password(visitor);
  await code(visitor, OTP);
  await visitor.look('sign-in-second-step');
  await visitor.press('Sign in');
  await visitor.follow('Security');
  await visitor.sees('Nothing here yet');
  await visitor.look('security-empty');

  await visitor.follow('Add an authenticator app');
  await visitor.look('totp');
  await visitor.page.getByLabel(/^Name/).fill('Phone');
  await code(visitor, OTP);
  await visitor.press('Show the QR code');
  await visitor.sees('Scan this code');
  await visitor.look('totp-code');
  const totp = await visitor.scan(visitor.page.locator('.qr svg'));
  await visitor.page.getByLabel(/^Code that the app shows now/).fill('000001');
  await visitor.press('Confirm');
  await visitor.sees('There is a problem');
  await visitor.look('totp-problem');
  const first = totp.generate();
  await visitor.page.getByLabel(/^Code that the app shows now/).fill(first);
  await visitor.press('Confirm');
  await visitor.sees('Keep your recovery codes');
  const recovery = (await visitor.page.getByLabel('Recovery codes').inputValue()).trim().split('\n');
  assert.equal(recovery.length, 10);
  await visitor.look('recovery-codes');
  await visitor.follow('I have kept them');
  await visitor.sees('Phone');

  await visitor.follow('Add a passkey');
  await visitor.page.getByLabel(/^Name/).fill('Laptop');
  await code(visitor, recovery[0]);
  await visitor.press('Go on');
  await visitor.look('passkey');
  await visitor.press('Make it');
  await visitor.sees('The second factor is added');
  await visitor.look('security');

  // Step-up with the passkey in place of a code.
  await visitor.follow('Make new codes');
  await visitor.look('new-recovery-codes');
  await visitor.press('Use a passkey instead');
  await visitor.sees('These codes take the place of all earlier ones');
  const anew = (await visitor.page.getByLabel('Recovery codes').inputValue()).trim().split('\n');
  assert.notEqual(anew[1], recovery[1]);
  await visitor.press('Sign out');

  // Signing in: with the app, a recovery code, the passkey as second factor, the passkey alone.
  await password(visitor);
  await code(visitor, await fresh(totp, first));
  await visitor.press('Sign in');
  await visitor.page.waitForURL('**/tokens');
  await visitor.press('Sign out');
  await password(visitor);
  await code(visitor, recovery[1]);
  await visitor.press('Sign in');
  await visitor.sees('There is a problem');
  await code(visitor, anew[0]);
  await visitor.press('Sign in');
  await visitor.page.waitForURL('**/tokens');
  await visitor.press('Sign out');
  await password(visitor);
  await visitor.press('Use a passkey');
  await visitor.page.waitForURL('**/tokens');
  await visitor.press('Sign out');
  await visitor.go('/sign-in');
  await visitor.press('Sign in with a passkey');
  await visitor.page.waitForURL('**/tokens');

  // A token made with a passkey's proof spends.
  await visitor.go('/tokens/new?preset=wallet&limit=tbtc%200.1/day&label=bot&expires=30');
  await visitor.look('new-token-from-link');

  await visitor.go('/security');
  await visitor.page.getByRole('link', { name: 'Rename or remove Phone' }).click();
  await visitor.look('factor');
  await visitor.press('Use a passkey instead');
  await visitor.sees('The second factor is removed');
  await visitor.follow('Account');
  await visitor.sees('Where you are signed in');
  await visitor.look('account');
  await visitor.leave();
});

test('a wrong page gets no passkey and a stolen challenge is good for nothing', { timeout: 60_000 }, async () => {
  const visitor = await home.visitor();
  const answer = await visitor.context.request.post(`${home.server.url}/bursar/v1/sign-in/passkey/challenge`, { data: {} });
  assert.ok(answer.ok(), await answer.text());
  const forged = { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: { authenticatorData: 'AAAA', clientDataJSON: 'AAAA', signature: 'AAAA', userHandle: 'AAAA' }, extensions: {} };
  const refused = await visitor.context.request.post(`${home.server.url}/bursar/v1/sign-in/passkey`, { data: { passkey: JSON.stringify(forged) } });
  assert.equal(refused.status(), 401);
  await visitor.leave();
});
