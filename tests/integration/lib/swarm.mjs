// Runs stentor-swarm against a server, with rounds that take a second.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { Program, programPath } from './program.mjs';
import { origin } from './tls.mjs';
import { timeFactor, within } from './wait.mjs';

// Under sanitizers, and beside other tests, the swarm is slow: whether it was the limit is not asked.
export const patient = ['--max-lag', '1m', '--max-cpu', '10000'];
export const quick = ['--quiet', ...patient, '--ramp', '0.2', '--idle', '0', '--rounds', '0.05s:0.5s'];

// Begins a run; `result` is a promise for its exit status, its output and the report as an object.
// `wrap` is a command that runs it, such as prlimit with its options.
export function startSwarm(listener, args, { env, wrap = [] } = {}) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'swarm-'));
  const file = path.join(directory, 'swarm.json');
  const [command, ...before] = [...wrap, programPath('stentor-swarm')];
  const program = new Program(command, [...before, ...quick, '--json', file, ...args, origin(listener)], { env });
  const finish = async () => {
    try {
      const ended = await within(program.exit, () => `the end of stentor-swarm: ${program.stderr}`, 30_000 * timeFactor);
      const report = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file)) : null;
      return { ...ended, report };
    } finally {
      program.kill('SIGKILL');
      fs.rmSync(directory, { recursive: true });
    }
  };
  return { program, result: finish() };
}

// A whole run against a stentord, through its admin listener unless told otherwise.
export function swarm(server, args, { listener = server.admin, env } = {}) {
  return startSwarm(listener, args, { env }).result;
}

// What the report says about each transport, by its name.
export function byTransport(list) {
  return Object.fromEntries(list.map((entry) => [entry.transport, entry]));
}
