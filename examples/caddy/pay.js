// Caddy between clients and an application: see Caddyfile.
const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { demonstrate } = require('../proxies/demonstrate');

demonstrate('caddy', ({ directory, ports }) => {
  const text = readFileSync(path.join(__dirname, 'Caddyfile'), 'utf8');
  const file = path.join(directory, 'Caddyfile');
  writeFileSync(file, ports(text));
  return ['caddy', ['run', '--adapter', 'caddyfile', '--config', file]];
});
