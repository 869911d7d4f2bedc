// Spends test ether with a token: within its limit, and above it.
const { ethers } = require('ethers');
const { startNode, startBursar, issueToken } = require('./start');

const RECIPIENT = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';
const LIMIT = 'hteth 1.5/day';

if (!process.env.BURSAR_BIN) {
  console.error('BURSAR_BIN is not set: `cargo xtask example ethereum` sets it to the binary it builds');
  process.exit(2);
}

async function main() {
  const node = await startNode();
  const server = await startBursar(node);
  const token = await issueToken(server, [LIMIT]);
  console.log(`A chain of test money runs at ${node}, Bursar at ${server.url}. The token may spend: ${LIMIT}.`);

  // From here on it is what any client of a node does, with the token in place of the node's credentials.
  const request = new ethers.FetchRequest(`${server.url}/rail/ethereum`);
  request.setHeader('authorization', `Bearer ${token}`);
  const provider = new ethers.JsonRpcProvider(request, 31337, { staticNetwork: true });
  const signer = await provider.getSigner(0);

  const transaction = { to: RECIPIENT, value: ethers.parseEther('1') };
  const sent = await signer.sendTransaction(transaction);
  const receipt = await sent.wait();
  console.log(`Sent 1 ETH to ${RECIPIENT}: transaction ${sent.hash}, in block ${receipt.blockNumber}.`);

  try {
    await signer.sendTransaction(transaction);
    throw new Error('a second ETH went through, above the limit');
  } catch (refused) {
    if (refused.error?.data?.code !== 'limit_exceeded') throw refused;
    console.log(`Refused another 1 ETH: ${refused.error.message}.`);
  }
  provider.destroy();

  // The chain itself is asked, past Bursar.
  const chain = new ethers.JsonRpcProvider(node, 31337, { staticNetwork: true });
  const balance = await chain.getBalance(RECIPIENT);
  chain.destroy();
  if (balance !== transaction.value) throw new Error(`the recipient has ${balance} on the chain`);
  console.log(`The chain says that the recipient has ${ethers.formatEther(balance)} ETH.`);
}

main().then(() => process.exit(0), (error) => {
  console.error(error.message);
  process.exit(1);
});
