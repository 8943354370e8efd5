// Runs one of the programs to its end.
import { spawn } from 'node:child_process';

import { within } from './wait.mjs';

const variables = { stentord: 'STENTORD', stentorctl: 'STENTORCTL', 'stentor-swarm': 'STENTOR_SWARM' };

export function programPath(name) {
  const path = process.env[variables[name]];
  if (!path) throw new Error(`set ${variables[name]} to the path of ${name}`);
  return path;
}

export class Program {
  stdout = '';
  stderr = '';

  constructor(command, args, { env = {}, input, stdio } = {}) {
    this.child = spawn(command, args, { env: { ...process.env, ...env }, stdio });
    this.child.stdout.setEncoding('utf8').on('data', (text) => (this.stdout += text));
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
    this.child.stdin.on('error', () => {}); // it may end without reading
    this.exit = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) =>
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }),
      );
    });
    this.child.stdin.end(input);
  }

  kill(signal = 'SIGTERM') {
    this.child.kill(signal);
  }
}

export function start(name, args, options) {
  return new Program(programPath(name), args, options);
}

export async function run(name, args, options = {}) {
  const program = start(name, args, options);
  try {
    return await within(program.exit, () => `the end of ${name}: ${program.stderr}`, options.ms);
  } catch (error) {
    program.kill('SIGKILL');
    throw error;
  }
}
