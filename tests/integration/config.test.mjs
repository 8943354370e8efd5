// stentord's command line and configuration.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { formatConfig } from './lib/config.mjs';
import { run } from './lib/program.mjs';
import { asRoot, defaults, Stentord, withServer } from './lib/stentord.mjs';

async function withFile(t, content, fn) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stentor-config-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'stentord.conf');
  fs.writeFileSync(file, content);
  return fn(file);
}

const check = (t, content) => withFile(t, content, async (file) => {
  const result = await run('stentord', ['-t', '-c', file]);
  return { ...result, lines: result.stderr.trimEnd().split('\n').map((line) => line.replace(`${file}:`, '')) };
});

test('-V prints the version, -h the usage; both end with 0', async () => {
  const version = await run('stentord', ['-V']);
  assert.deepEqual([version.code, version.stderr], [0, '']);
  assert.match(version.stdout, /^stentord \d+\.\d+\S*\n$/);
  const help = await run('stentord', ['-h']);
  assert.equal(help.code, 0);
  for (const option of ['-c', '-t', '-f', '-V']) assert.ok(help.stdout.includes(option), option);
});

test('a wrong command line ends with 2 and the usage', async () => {
  for (const args of [['-x'], ['-c'], ['extra'], ['-t', 'extra']]) {
    const { code, stderr } = await run('stentord', args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /usage: stentord/);
  }
});

test('-t accepts an empty file, and one with every option', async (t) => {
  assert.equal((await check(t, '')).code, 0);
  const { code, stderr } = await check(t, `
    listeners = ( { address = "0.0.0.0"; port = 8080; }, { address = "::"; port = 0; admin = false; },
                  { address = "unix:/run/x.sock"; admin = true; } );
    io_threads = 0; max_clients = 0; listen_backlog = 4096; tcp_nodelay = true; max_unsent = 16384;
    publish_keys = [ "a", "b" ]; publish_rate = 0; publish_burst = 1000; max_publish_size = 1048576;
    client_join = true; client_publish = false; client_send = "key"; client_keys = [ "c" ]; client_rate = 200; client_burst = 2000; client_bytes = 1048576; client_bytes_burst = 4194304;
    max_rooms = 64; max_message_size = 65536;
    max_header_size = 16384; max_target_size = 4096;
    header_timeout = 10; body_timeout = 30; idle_timeout = 75;
    ping_interval = 25000; ping_timeout = 20000; connect_timeout = 45;
    compression = true; compression_min = 128; echo = false; static_root = ""; namespaces = [ "/", "/x" ];
    journal = { messages = 10000; bytes = 67108864; age = 300; };
    user = ""; group = ""; pidfile = ""; max_files = 0; core_dumps = false;
    slow_client_policy = "skip"; rooms = ( { pattern = "scores.*"; policy = "conflate"; join = "anyone"; publish = "key"; },
      { pattern = "sprites*"; type = "grid"; columns = 316; edges = "wrap"; send = "anyone"; }, { pattern = "*"; type = "plain"; } );
    log_level = "info";
  `);
  assert.equal(code, 0, stderr);
});

test('-t names file, line, option and what is wrong, for every mistake', async (t) => {
  const mistakes = [
    ['io_threads = 99;', 'io_threads', /99 is outside 0 to 64/],
    ['max_clients = "x";', 'max_clients', /whole number/],
    ['nosuch = 1;', 'nosuch', /no such option/],
    ['compression = 1;', 'compression', /true or false/],
    ['static_root = 5;', 'static_root', /text/],
    ['listen_backlog = 1.5;', 'listen_backlog', /whole number/],
    ['publish_keys = [ "" ];', 'publish_keys', /text/],
    ['namespaces = [ "x" ];', 'namespaces', /"x".*begins with \//],
    ['journal = { messages = 0; };', 'journal.messages', /outside 1 to/],
    ['ping_interval = 99;', 'ping_interval', /outside 100 to/],
    ['slow_client_policy = "drop";', 'slow_client_policy', /"drop" is not one of skip, disconnect and conflate/],
    ['client_send = "all";', 'client_send', /must be "nobody", "key" or "anyone"/],
    ['log_level = "loud";', 'log_level', /"loud" is not one of error, warning, info and debug/],
    ['rooms = ( { pattern = "a"; policy = "x"; } );', 'rooms', /policy must be one of/],
    ['listeners = ( { address = "localhost"; port = 1; } );', 'listeners', /IP address/],
  ];
  const { code, lines, stdout } = await check(t, `# a comment\n\n${mistakes.map(([text]) => text).join('\n')}\n`);

  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.equal(lines.length, mistakes.length, lines.join('\n'));
  mistakes.forEach(([text, option, message], i) => {
    const line = lines.find((candidate) => candidate.split(': ')[1] === option);
    assert.ok(line, `${option} is named`);
    assert.match(line, message);
    assert.ok(line.startsWith(`${i + 3}: `), `${text}: line ${i + 3} is named, not "${line}"`);
  });
});

test('every number has bounds', async (t) => {
  const bounds = {
    io_threads: [0, 64], max_clients: [0, 10000000], listen_backlog: [1, 65535], publish_rate: [0, 1000000000],
    publish_burst: [1, 1000000000], client_rate: [0, 10000], client_burst: [1, 1000000], client_bytes: [0, 1073741824],
    client_bytes_burst: [1, 1073741824], max_publish_size: [64, 1073741824], max_rooms: [1, 10000],
    max_message_size: [125, 1073741824], max_header_size: [512, 1048576], max_target_size: [64, 65536],
    header_timeout: [1, 3600], body_timeout: [1, 3600], idle_timeout: [1, 86400], ping_interval: [100, 3600000],
    max_files: [0, 1000000000], ping_timeout: [100, 3600000], connect_timeout: [1, 3600], compression_min: [0, 1073741824],
  };
  const write = (pick) => Object.entries(bounds).map(([name, range]) => `${name} = ${pick(range)};`).join('\n');
  for (const pick of [([min]) => min, ([, max]) => max]) {
    assert.equal((await check(t, write(pick))).code, 0);
  }
  for (const pick of [([min]) => min - 1, ([, max]) => max + 1]) {
    const { code, lines } = await check(t, write(pick));
    assert.equal(code, 1);
    assert.equal(lines.length, Object.keys(bounds).length);
  }
});

test('lists are checked element by element', async (t) => {
  const mistakes = {
    'listeners = ();': /at least one/,
    'listeners = 5;': /must be a list/,
    'listeners = ( 5 );': /group/,
    'listeners = ( { port = 1; } );': /address/,
    'listeners = ( { address = "127.0.0.1"; } );': /port/,
    'listeners = ( { address = "127.0.0.1"; port = 65536; } );': /port/,
    'listeners = ( { address = "127.0.0.1"; port = "80"; } );': /port/,
    'listeners = ( { address = "unix:"; } );': /address/,
    'listeners = ( { address = "127.0.0.1"; port = 1; admin = "yes"; } );': /admin/,
    'listeners = ( { address = "127.0.0.1"; port = 1; typo = 1; } );': /typo/,
    'namespaces = [];': /at least one/,
    'namespaces = "x";': /must be a list/,
    'namespaces = [ "/a,b" ];': /comma/,
    'publish_keys = ( 5 );': /text/,
    'rooms = ( { policy = "skip"; } );': /pattern/,
    'rooms = ( { pattern = "a"; type = "hexagons"; } );': /type must be "plain" or "grid"/,
    'rooms = ( { pattern = "a"; type = 5; } );': /type must be/,
    'rooms = ( { pattern = "a"; columns = 5; } );': /type = "grid"/,
    'rooms = ( { pattern = "a"; send = "anyone"; } );': /type = "grid"/,
    'rooms = ( { pattern = "a"; type = "grid"; columns = 0; } );': /columns must be a number from 1/,
    'rooms = ( { pattern = "a"; type = "grid"; columns = "x"; } );': /columns must be a number from 1/,
    'rooms = ( { pattern = "a"; type = "grid"; edges = "round"; } );': /edges must be "wrap" or "end"/,
    'rooms = ( { pattern = "a"; join = "everyone"; } );': /join must be "nobody", "key" or "anyone"/,
    'rooms = ( { pattern = "a"; publish = 1; } );': /publish must be/,
    'client_keys = [ "" ];': /text/,
    'rooms = ( 3 );': /group/,
    'rooms = ( { pattern = "a"; policy = "skip"; x = 1; } );': /"x"/,
    'journal = 5;': /group/,
    'journal = { size = 1; };': /no such option/,
    'journal = { age = -1; };': /outside/,
    'journal = { bytes = 4095; };': /outside/,
  };

  for (const [content, message] of Object.entries(mistakes)) {
    const { code, stderr } = await check(t, content);
    assert.equal(code, 1, content);
    assert.match(stderr, message, content);
    assert.match(stderr, /:1: (listeners|namespaces|publish_keys|client_keys|rooms|journal)[.\w]*: /, content);
  }
});

test('syntax errors and missing files name the place', async (t) => {
  const syntax = await check(t, 'io_threads = 1;\nmax_clients = ;\n');
  assert.deepEqual([syntax.code, syntax.lines[0].split(':')[0]], [1, '2']);
  const missing = await run('stentord', ['-t', '-c', '/nonexistent/stentord.conf']);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /\/nonexistent\/stentord.conf:.*No such file/);
});

test('without -t a wrong configuration does not start, and says the same', async (t) => {
  await withFile(t, 'io_threads = 99;\n', async (file) => {
    const { code, stderr } = await run('stentord', ['-f', '-c', file]);
    assert.equal(code, 1);
    assert.match(stderr, /:1: io_threads: 99 is outside/);
  });
});

test('what cannot be started ends with 1 and says why', withServer({}, async (server) => {
  const taken = { ...defaults, listeners: [{ address: '127.0.0.1', port: server.clients.port }] };
  await assert.rejects(Stentord.start(taken), /ended with 1[^]*Address already in use/);
  await assert.rejects(Stentord.start({ static_root: '/nonexistent' }), /ended with 1[^]*nonexistent/);
  await assert.rejects(
    Stentord.start({ listeners: [{ address: 'unix:/nonexistent/x.sock' }] }), /ended with 1[^]*No such file/);
}));

test('the log says where it listens and when it is ready', withServer({ io_threads: 3 }, async (server) => {
  const lines = server.log.trimEnd().split('\n').filter((line) => !line.includes(' process: '));

  assert.match(lines[0], /^\d{4}-\d\d-\d\dT\S+ info listen: clients on 127\.0\.0\.1:\d+(, TLS)?$/);
  assert.match(lines[1], /info listen: admin on 127\.0\.0\.1:\d+$/);
  assert.match(lines[2], /info server: ready, 3 I\/O threads$/);
}));

test('log_level leaves out what is less important', async (t) => {
  const provoke = async (server) => {
    const ws = await server.websocket('/ws');
    ws.send(3, 'a reserved opcode');
    await ws.closed();
    await server.untilClosed('protocol_error', 1);
  };
  await withServer({}, async (server) => {
    await provoke(server);
    await server.untilLog(/ info conn: #\d+ 127\.0\.0\.1:\d+ closed: the client broke its protocol/);
  })(t);
  const content = formatConfig({ ...asRoot, listeners: [{ address: 'unix:/nonexistent/x' }], log_level: 'error' });
  await withFile(t, content, async (file) => {
    const { stderr } = await run('stentord', ['-f', '-c', file]);
    assert.match(stderr, / error /);
    assert.doesNotMatch(stderr, / (info|warning|debug) /);
  });
});

test('SIGTERM and SIGINT stop cleanly', async () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    const server = await Stentord.start();
    const client = await server.native();
    server.terminate(signal);
    assert.equal((await client.closed).code, 1001);
    await server.ended();
    assert.match(server.log, /info server: stopped/);
  }
});

test('a client that ignores the goodbye does not hold up the stop', async () => {
  const server = await Stentord.start();
  const ws = await server.websocket('/ws');
  ws.raw.socket.pause();
  server.terminate();
  await server.ended();
  await server.closeClients();
});

test('io_threads = 0 takes one thread per core', withServer({ io_threads: 0 }, async (server) => {
  assert.equal((await server.status()).io_threads, os.availableParallelism());
}));

test('tcp_nodelay and listen_backlog are taken', withServer({ tcp_nodelay: false, listen_backlog: 1 }, async (server) => {
  const client = await server.native();
  for (let i = 0; i < 10; i++) await server.publish({ event: 'e', data: i });

  assert.deepEqual((await client.nextMany(10)).map(({ data }) => data), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}));

test('the example configurations are right', async (t) => {
  const file = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
  for (const name of ['stentord.conf', 'stentord-minimal.conf', 'stentord-demo.conf']) {
    // The pages are served from where they are installed, which they are not yet.
    const content = fs.readFileSync(file(`etc/${name}`), 'utf8').replace('/usr/share/stentor/pages', file('share/pages'));
    const { code, stderr } = await check(t, content);
    assert.equal(code, 0, `${name}: ${stderr}`);
  }
});
