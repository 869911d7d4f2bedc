// A model that answers every question with the same words, and says how many tokens it took.
const { createServer } = require('node:http');

const WORDS = ['Forty', '-', 'two', '.'];

function startModel(key) {
  const calls = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const json = (status, told) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(told));
      };
      if (request.headers.authorization !== `Bearer ${key}`) return json(401, { error: 'no such key' });
      if (request.method === 'GET' && request.url === '/v1/models') return json(200, { data: [{ id: 'small' }] });
      if (request.method !== 'POST' || request.url !== '/v1/chat/completions') return json(404, { error: 'no such place' });
      const asked = JSON.parse(body);
      const words = WORDS.slice(0, asked.max_tokens);
      const prompt = asked.messages.map((message) => message.content).join(' ').split(' ').length;
      const usage = { prompt_tokens: prompt, completion_tokens: words.length };
      const id = `cmpl_${calls.length + 1}`;
      calls.push(usage);
      if (!asked.stream) return json(200, { id, choices: [{ message: { content: words.join('') } }], usage });
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const event = (data) => response.write(`data: ${data}\n\n`);
      for (const word of words) event(JSON.stringify({ id, choices: [{ delta: { content: word } }] }));
      // Some break off; then nobody is told what the call cost.
      if (asked.messages[0].content === 'break off') return response.write(': so far\n\n', () => response.destroy());
      if (asked.stream_options?.include_usage) event(JSON.stringify({ id, choices: [], usage }));
      event('[DONE]');
      return response.end();
    });
  });
  return { server, calls };
}

module.exports = { startModel };
