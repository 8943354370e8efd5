// The openssl command as a client, which does what it is told and shows what it got.
import { spawn } from 'node:child_process';

import { within } from './wait.mjs';

// Runs `openssl s_client` against a listener; `input` is what it sends before it ends. What it
// writes is returned, with an end that cannot be mistaken for that of a connection.
export async function sClient(listener, args = [], input = '') {
  const where = ['-connect', `${listener.host}:${listener.port}`];
  const child = spawn('openssl', ['s_client', ...where, ...args]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  child.stdin.on('error', () => {});
  const exit = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (typeof input === 'function') await input(child.stdin, () => output);
  child.stdin.end(typeof input === 'string' ? input : '');
  try {
    const code = await within(exit, () => `the end of s_client: ${output}`);
    return { code, output };
  } finally {
    child.kill('SIGKILL');
  }
}

// The value of a line `name: value` or `name = value` in what s_client wrote.
export function shown(output, name) {
  return new RegExp(`^ *${name} *[:=] *(.*)$`, 'm').exec(output)?.[1].trim();
}
