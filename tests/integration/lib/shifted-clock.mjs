// A server whose time of day can be changed while it runs, with lib/shifted_clock.c.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { programPath } from './program.mjs';

// What a sanitizer brings along has to be loaded before anything else.
function sanitizers(program) {
  const libraries = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...libraries.matchAll(/=> (\S+\/lib[at]san\S*)/g)].map(([, file]) => file);
}

// `wrap` is for Stentord.start; `set` makes the clock wrong by that many seconds.
export function shiftedClock(t) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'shifted-clock-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const library = path.join(directory, 'shifted_clock.so');
  const offset = path.join(directory, 'seconds');
  const source = fileURLToPath(new URL('./shifted_clock.c', import.meta.url));
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source]);
  const set = (seconds) => {
    fs.writeFileSync(`${offset}.new`, String(seconds));
    fs.renameSync(`${offset}.new`, offset);
  };
  set(0);
  const preload = [...sanitizers(programPath('stentord')), library].join(' ');
  return { set, wrap: ['env', `LD_PRELOAD=${preload}`, `SHIFTED_CLOCK=${offset}`] };
}
