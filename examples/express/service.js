// What BitGo's service does for BitGo Express and a Bursar's sandbox does not: it has the keys of a wallet with two signatures of
// three, makes transactions that can be signed, and sends those that are. All else goes to the Bursar behind it, byte for byte.
const { createHash, createHmac, randomBytes } = require('node:crypto');
const http = require('node:http');
const { BitGo } = require('bitgo');
const bitcoin = require('bitgo-utxo-lib');

const NETWORK = bitcoin.networks.testnet;
const FEE = 1000;
const HEIGHT = 100;
const WITHIN_MS = 10_000;
const LOOK_AGAIN_MS = 20;

/** The three keys of a wallet; the user's is sealed with the passphrase, as at BitGo. */
function makeKeys(bitgo, ids, passphrase) {
  const nodes = ids.map(() => bitcoin.HDNode.fromSeedBuffer(randomBytes(32)));
  const encryptedPrv = bitgo.encrypt({ input: nodes[0].toBase58(), password: passphrase });
  const shown = nodes.map((node, at) => ({
    id: ids[at],
    pub: node.neutered().toBase58(),
    ...(at === 0 ? { encryptedPrv } : {}),
  }));
  return { nodes, shown };
}

/** A transaction that pays the recipients and a fee out of one coin, and nothing else. */
function build(keys, recipients) {
  const publicKeys = keys.nodes.map((node) => node.derivePath('m/0/0/0/0').getPublicKeyBuffer());
  const redeemScript = bitcoin.script.multisig.output.encode(2, publicKeys);
  const lock = bitcoin.script.scriptHash.output.encode(bitcoin.crypto.hash160(redeemScript));
  const value = recipients.reduce((sum, { amount }) => sum + Number(amount), FEE);
  const funding = new bitcoin.TransactionBuilder(NETWORK);
  funding.addInput(randomBytes(32), 0);
  funding.addOutput(lock, value);
  const funded = funding.buildIncomplete();
  const paying = new bitcoin.TransactionBuilder(NETWORK);
  paying.addInput(funded.getId(), 0);
  for (const { address, amount } of recipients) {
    paying.addOutput(bitcoin.address.toOutputScript(address, NETWORK), Number(amount));
  }
  const coin = {
    id: `${funded.getId()}:0`,
    address: bitcoin.address.fromOutputScript(lock, NETWORK),
    value,
    chain: 0,
    index: 0,
    redeemScript: redeemScript.toString('hex'),
  };
  const txInfo = { nP2SHInputs: 1, unspents: [coin], changeAddresses: [], txHexes: { [funded.getId()]: funded.toHex() } };
  return { txHex: paying.buildIncomplete().toHex(), txInfo, feeInfo: { fee: FEE, feeString: String(FEE) } };
}

/** Whom a transaction pays; fails unless the user's key has signed each input. */
function read(keys, txHex) {
  const transaction = bitcoin.Transaction.fromHex(txHex, NETWORK);
  const publicKey = keys.nodes[0].derivePath('m/0/0/0/0').keyPair;
  for (const [at, { script }] of transaction.ins.entries()) {
    const chunks = bitcoin.script.decompile(script);
    const redeemScript = chunks[chunks.length - 1];
    const hash = transaction.hashForSignature(at, redeemScript, bitcoin.Transaction.SIGHASH_ALL);
    const signatures = chunks.slice(1, -1).filter((chunk) => Buffer.isBuffer(chunk) && chunk.length > 1);
    const parsed = signatures.map((chunk) => bitcoin.ECSignature.parseScriptSignature(chunk).signature);
    if (!parsed.some((signature) => publicKey.verify(hash, signature))) throw new Error(`input ${at} is not signed`);
  }
  return transaction.outs.map(({ script, value }) => ({
    address: bitcoin.address.fromOutputScript(script, NETWORK),
    amount: String(value),
  }));
}

/** Starts it before a Bursar, for one token and one wallet; `seen` counts what Express had signed. */
async function startService({ url, token, wallet, passphrase }) {
  const bitgo = new BitGo({ env: 'custom', customRootURI: url, customBitcoinNetwork: 'testnet', accessToken: token });
  const shown = await bitgo.get(bitgo.url(`/tbtc/wallet/${wallet}`, 2)).result();
  const keys = makeKeys(bitgo, shown.keys, passphrase);
  const seen = { signed: 0 };
  const own = { wallet, keys, seen, bitgo };
  const bearer = `Bearer ${createHash('sha256').update(token).digest('hex')}`;

  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', async () => {
      const body = Buffer.concat(chunks);
      const answer = request.headers.authorization === bearer ? await answered(own, request, body) : undefined;
      if (!answer) return pass(url, request, body, response);
      const [status, value] = answer;
      const text = JSON.stringify(value);
      const timestamp = Date.now();
      const hmac = createHmac('sha256', token).update([timestamp, request.url, status, text].join('|')).digest('hex');
      response.writeHead(status, { 'content-type': 'application/json', timestamp, hmac }).end(text);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, seen };
}

/** The answer to what the sandbox does not do; nothing, if the Bursar behind it answers. */
async function answered({ wallet, keys, seen, bitgo }, { method, url }, body) {
  const place = `${method} ${url.replace('/api/v2/tbtc/', '')}`;
  if (place === 'GET public/block/latest') return [200, { height: HEIGHT }];
  const key = keys.shown.find(({ id }) => place === `GET key/${id}`);
  if (key) return [200, key];
  if (place.startsWith(`GET wallet/${wallet}/address/`)) return [404, { error: 'wallet address not found' }];
  if (place === `POST wallet/${wallet}/tx/build`) return [200, build(keys, JSON.parse(body).recipients)];
  if (place !== `POST wallet/${wallet}/tx/send`) return undefined;
  const { txHex, sequenceId } = JSON.parse(body);
  try {
    const recipients = read(keys, txHex);
    seen.signed += 1;
    const send = bitgo.post(bitgo.url(`/tbtc/wallet/${wallet}/sendmany`, 2)).send({ recipients, sequenceId });
    const sent = await send.result();
    await confirmed(bitgo, wallet, sequenceId);
    return [200, sent];
  } catch (error) {
    return [error.status ?? 400, error.result ?? { error: error.message }];
  }
}

/** Waits until a transfer reads as confirmed, which a sandbox's does a moment after it was answered. */
async function confirmed(bitgo, wallet, sequenceId) {
  const place = bitgo.url(`/tbtc/wallet/${wallet}/transfer/sequenceId/${sequenceId}`, 2);
  for (const until = Date.now() + WITHIN_MS; Date.now() < until;) {
    const { state } = await bitgo.get(place).result();
    if (state === 'confirmed') return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** Gives a request to the Bursar, and its answer back. */
function pass(url, { method, url: path, headers }, body, response) {
  const onward = http.request(new URL(path, url), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.once('error', () => response.writeHead(502).end());
  onward.end(body);
}

module.exports = { startService };
