'use strict';
// A real browser that somebody sits at: what they see is looked at in both themes and on a phone, held against the
// accessibility rules, and nothing may be asked of a third party or be refused by the page's own policy.

const assert = require('node:assert/strict');
const { mkdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { after, before } = require('node:test');

const { chromium } = require('playwright-core');
const jsQR = require('jsqr');
const { TOTP, URI } = require('otpauth');
const { PNG } = require('pngjs');

const { Bursar, OTP } = require('../sdk-js/server');

const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const DESK = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };
const PICTURES = process.env.SCREENSHOTS ?? join(__dirname, 'screenshots');

const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
    '--disable-background-networking', '--disable-component-update',
  ],
});

/** Somebody with a browser of their own. */
class Visitor {
  static async at(browser, url, options = {}) {
    const visitor = new Visitor();
    visitor.complaints = [];
    visitor.url = url;
    visitor.context = await browser.newContext({ baseURL: url, viewport: DESK, reducedMotion: 'reduce', ...options });
    await visitor.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url }).catch(() => {});
    visitor.page = await visitor.context.newPage();
    visitor.page.setDefaultTimeout(15_000);
    visitor.page.on('console', (message) => {
      // A form that was refused is shown again with its status; that is no fault of the page.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        visitor.complaints.push(message.text());
      }
    });
    visitor.page.on('pageerror', (error) => visitor.complaints.push(String(error)));
    visitor.page.on('request', (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith('data:')) {
        visitor.complaints.push(`asked a third party: ${request.url()}`);
      }
    });
    visitor.page.on('response', (response) => {
      if (response.status() >= 500) visitor.complaints.push(`${response.status()} of ${response.url()}`);
    });
    return visitor;
  }

  /** Leaves, and fails if the browser had anything to complain about. */
  async leave() {
    await this.context.close();
    assert.deepEqual(this.complaints, []);
  }

  go(path) {
    return this.page.goto(path);
  }

  /** Fills the field of this label. */
  fill(label, text) {
    return this.page.getByLabel(label, { exact: true }).fill(text);
  }

  press(button) {
    return this.page.getByRole('button', { name: button, exact: true }).first().click();
  }

  follow(link) {
    return this.page.getByRole('link', { name: link, exact: true }).first().click();
  }

  async sees(text) {
    await this.page.getByText(text).first().waitFor();
  }

  /** Looks at the page in both themes and on a phone: pictures are kept, and axe-core finds nothing. */
  async look(name) {
    mkdirSync(PICTURES, { recursive: true });
    for (const colorScheme of ['light', 'dark']) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.screenshot({ path: join(PICTURES, `${name}-${colorScheme}.png`), fullPage: true });
      await this.#isAccessible(`${name}, ${colorScheme}`);
    }
    await this.page.emulateMedia({ colorScheme: 'light' });
    await this.#fits(`${name} at a desk`);
    await this.page.setViewportSize(PHONE);
    await this.#fits(`${name} on a phone`);
    await this.page.screenshot({ path: join(PICTURES, `${name}-phone.png`), fullPage: true });
    const wider = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wider <= 0, `${name} is ${wider} px wider than a phone`);
    await this.page.setViewportSize(DESK);
  }

  /** No table hides its last column behind a bar that nobody sees. */
  async #fits(where) {
    const cut = await this.page.evaluate(() => [...document.querySelectorAll('.scrolls')]
      .filter((box) => box.scrollWidth > box.clientWidth)
      .map((box) => `${box.getAttribute('aria-label')}: ${box.scrollWidth} > ${box.clientWidth} px`));
    assert.deepEqual(cut, [], where);
  }

  async #isAccessible(where) {
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate((rules) => axe.run(document, { runOnly: { type: 'tag', values: rules } }), RULES);
    const told = found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(' ')}`);
    assert.deepEqual(told, [], where);
  }

  /** A passkey that this browser has: made, and used without asking. */
  async passkeys() {
    const client = await this.context.newCDPSession(this.page);
    await client.send('WebAuthn.enable');
    await client.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
        isUserVerified: true, automaticPresenceSimulation: true,
      },
    });
  }

  /** What an authenticator app makes of the QR code on the page. */
  async scan(locator) {
    const picture = PNG.sync.read(await locator.screenshot());
    const read = jsQR(new Uint8ClampedArray(picture.data), picture.width, picture.height);
    assert.ok(read, 'the QR code cannot be read');
    const totp = URI.parse(read.data);
    assert.ok(totp instanceof TOTP);
    return totp;
  }
}

/** A server and a browser for the tests of one file: begun before them, ended after. */
function house() {
  const home = {};
  before(async () => {
    home.server = new Bursar();
    await home.server.start();
    home.web = home.server.web.replace(/\/$/, '');
    home.browser = await launch();
  });
  after(async () => {
    await home.browser?.close();
    await home.server?.stop();
  });
  home.visitor = (options) => Visitor.at(home.browser, home.web, options);
  return home;
}

module.exports = { OTP, Visitor, house };
