// nginx between clients and an application: see nginx.conf.
const { readFileSync, writeFileSync, chmodSync } = require('node:fs');
const path = require('node:path');
const { demonstrate } = require('../proxies/demonstrate');

demonstrate('nginx', ({ directory, ports }) => {
  const text = readFileSync(path.join(__dirname, 'nginx.conf'), 'utf8');
  const file = path.join(directory, 'nginx.conf');
  writeFileSync(file, ports(text));
  // Its workers are another user's, if it is root that starts them.
  chmodSync(directory, 0o755);
  return ['nginx', ['-p', directory, '-c', file, '-g', 'daemon off;']];
});
