// Asks a model through Bursar: within a budget, as a stream, in a stream that breaks off, and above what is left.
const path = require('node:path');
const { startModel } = require('./model');
const { startBursar, issueToken, listen } = require('../form-api/start');

const KEY = 'sk_test_model';
const LIMIT = 'microusd 20000 base units/day';

if (!process.env.BURSAR_BIN) {
  console.error('BURSAR_BIN is not set: `cargo xtask example metered-llm` sets it to the binary it builds');
  process.exit(2);
}

function check(holds, problem) {
  if (!holds) throw new Error(problem);
}

async function main() {
  const { server, calls } = startModel(KEY);
  const url = await listen(server);
  const rules = path.join(__dirname, 'rails.toml');
  const bursar = await startBursar({ rules, rail: 'model', coin: 'microusd', url, key: KEY });
  const token = await issueToken(bursar, [LIMIT]);
  console.log(`A model runs at ${url}, Bursar at ${bursar.url}. The token may spend: ${LIMIT}.`);

  const api = `${bursar.url}/rail/model/v1`;
  const authorization = `Bearer ${token}`;
  const ask = async (key, content, more) => {
    const headers = { authorization, 'idempotency-key': key, 'content-type': 'application/json' };
    const body = JSON.stringify({ model: 'small', messages: [{ role: 'user', content }], ...more });
    const answer = await fetch(`${api}/chat/completions`, { method: 'POST', headers, body });
    return { status: answer.status, left: answer.headers.get('ratelimit'), text: await answer.text() };
  };

  const first = await ask('question-1', 'What is the answer?', { max_tokens: 1000 });
  check(first.status === 200, first.text);
  const { usage } = JSON.parse(first.text);
  console.log(`Asked with at most 1000 tokens of answer: it took ${usage.prompt_tokens} and ${usage.completion_tokens}.`);

  const stream = { max_tokens: 1000, stream: true, stream_options: { include_usage: true } };
  const second = await ask('question-2', 'And again?', stream);
  check(second.status === 200 && second.text.endsWith('data: [DONE]\n\n'), second.text);
  console.log('Asked again as a stream, which came event by event: its last one said what it took, and no more was captured.');
  const again = await ask('question-2', 'And again?', stream);
  check(JSON.parse(again.text).code === 'answer_streamed', again.text);
  console.log('The same once more: it is paid for once, and a stream is not given twice.');

  const above = await ask('question-3', 'All of it?', { max_tokens: 2000 });
  check(JSON.parse(above.text).code === 'limit_exceeded', above.text);
  console.log(`Refused a call that could take 2000: ${JSON.parse(above.text).detail}.`);

  const many = await ask('question-4', 'Ten of them?', { max_tokens: 10, n: 10 });
  check(JSON.parse(many.text).code === 'not_supported', many.text);
  console.log(`Refused what no rule names: ${JSON.parse(many.text).detail}.`);

  const silent = await ask('question-8', 'And quietly?', { max_tokens: 1000, stream: true });
  check(JSON.parse(silent.text).detail.includes('include_usage'), silent.text);
  const other = await ask('question-9', 'And another?', { model: 'large', max_tokens: 10 });
  check(JSON.parse(other.text).detail.includes('`small`'), other.text);
  console.log(`Refused what would cost nobody knows what: ${JSON.parse(silent.text).detail}; ${JSON.parse(other.text).detail}.`);

  const cut = await ask('question-5', 'break off', stream).then(() => false, () => true);
  check(cut, 'a stream that broke off was told as a whole one');
  const broken = await ask('question-5', 'break off', stream);
  check(JSON.parse(broken.text).code === 'outcome_pending', broken.text);
  console.log('A stream broke off: what it could cost at most stays held until somebody knows.');

  const held = await ask('question-6', 'What is left?', { max_tokens: 1000 });
  check(JSON.parse(held.text).code === 'limit_exceeded', held.text);
  check(calls.length === 3, `${calls.length} calls reached the model`);
  console.log('And so there is too little left for another call of that size.');
}

main().then(() => process.exit(0), (error) => {
  console.error(error.message);
  process.exit(1);
});
