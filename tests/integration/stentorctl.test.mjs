// stentorctl: publish, status, watch.
import assert from 'node:assert/strict';
import os from 'node:os';
import test from 'node:test';

import { run, start } from './lib/program.mjs';
import { KEY, withServer } from './lib/stentord.mjs';
import { origin } from './lib/tls.mjs';
import { until, within } from './lib/wait.mjs';

// Runs a command through the admin listener.
const ctl = (server, args, options) => run('stentorctl', ['-s', origin(server.admin), ...args], options);

async function watch(server, args = [], listener = server.admin) {
  const watcher = start('stentorctl', ['-s', origin(listener), 'watch', ...args]);
  server.closeLater(watcher, () => {
    watcher.kill('SIGKILL');
    return watcher.exit;
  });
  await until(() => /watching/.test(watcher.stderr), () => `a start of watch: ${watcher.stderr}`);
  watcher.lines = (count) => until(() => {
    const lines = watcher.stdout.split('\n').slice(0, -1);
    return lines.length >= count && lines;
  }, () => `${count} lines: ${watcher.stdout}`);
  return watcher;
}

test('publish prints the answer', withServer({}, async (server) => {
  const client = await server.native({ room: 'a' });
  const { code, stdout, stderr } = await ctl(server, ['publish', '-r', 'a', 'result', '{"leader":"A"}']);

  assert.equal(code, 0, stderr);
  const { seq, clients } = JSON.parse(stdout);
  assert.equal(clients, 1);
  assert.deepEqual(await client.next(), { type: 'message', seq, room: 'a', event: 'result', data: { leader: 'A' } });
}));

test('publish: everyone, no data, several rooms, except, namespace, standard input', withServer({ namespaces: ['/', '/x'] }, async (server) => {
  const client = await server.native({ room: ['a', 'b'] });
  const inX = await server.native({ namespace: '/x' });
  const publish = async (args, options) => {
    const { code, stderr } = await ctl(server, ['publish', ...args], options);
    assert.equal(code, 0, stderr);
  };

  await publish(['e']);
  assert.deepEqual((await client.next()).data, null);
  await publish(['-r', 'a', '-r', 'b', 'e', '1']);
  assert.deepEqual((await client.next()).room, ['a', 'b']);
  await publish(['-x', 'a', 'e', '"not for a"']);
  await publish(['e', '-'], { input: '{"big":"' + 'x'.repeat(100_000) + '"}\n' });
  assert.equal((await client.next()).data.big.length, 100_000);
  const seq = Date.now() * 1000;
  await publish(['-q', `${seq}`, 'e']);
  assert.equal((await client.next()).seq, seq);
  await publish(['-q', 'now', 'e']);
  assert.ok((await client.next()).seq > seq);
  const late = await ctl(server, ['publish', '-q', `${seq}`, 'e']);
  assert.equal(late.code, 1);
  assert.match(late.stderr, /seq must be above \d+/);
  await publish(['-n', '/x', '-K', 'key', 'e', '"ü"']);
  await inX.next().then(({ data }) => assert.equal(data, 'ü'));
}));

test('publish --to reaches one session alone, and says whether it did', withServer({ namespaces: ['/', '/x'] }, async (server) => {
  const [client, other] = [await server.native(), await server.native()];
  const inX = await server.native({ namespace: '/x' });
  const { session } = client.hello;
  for (const option of ['--to', '-t']) {
    const { code, stdout, stderr } = await ctl(server, ['publish', option, session, 'hint', '{"only":"you"}']);
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { delivered: true });
    assert.deepEqual(await client.next('directed'), { type: 'directed', from: null, event: 'hint', data: { only: 'you' } });
  }
  assert.equal((await ctl(server, ['publish', '-n', '/x', `--to=${inX.hello.session}`, 'e', '-'], { input: '[1]' })).code, 0);
  assert.deepEqual((await inX.next('directed')).data, [1]);
  await server.publish({ event: 'all' });
  assert.equal((await other.next()).event, 'all', 'nothing else came to the other one');

  await client.close();
  await server.untilMetric('clients_native', 2);
  for (const [args, message] of [[[session], /404.*no session has that id/], [['nobody'], /404.*no session/], [['-n', '/x', session], /404/]]) {
    const { code, stdout, stderr } = await ctl(server, ['publish', ...args.slice(0, -1), '--to', args.at(-1), 'e']);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, message);
  }
}));

test('publish needs a key through a client listener: -k or the environment', withServer({}, async (server) => {
  const publish = (args, env) => run('stentorctl', ['-s', origin(server.clients), ...args, 'publish', 'e'], { env });

  assert.equal((await publish(['-k', KEY])).code, 0);
  assert.equal((await publish([], { STENTOR_KEY: KEY })).code, 0);
  for (const args of [[], ['-k', 'wrong']]) {
    const { code, stderr, stdout } = await publish(args, { STENTOR_KEY: '' });
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /401.*publish_keys/);
  }
}));

test('publish: what the server refuses is 1, with the server\'s words', withServer({}, async (server) => {
  for (const [args, message] of [
    [['connect'], /reserve/], [['-r', '*', 'e'], /everyone/], [['-n', '/nowhere', 'e'], /namespace/],
  ]) {
    const { code, stderr } = await ctl(server, ['publish', ...args]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, message);
  }
}));

test('wrong command lines are 2 and show the usage', async () => {
  const lines = [
    [], ['nothing'], ['publish'], ['publish', 'e', 'no json'], ['publish', 'e', '1', 'extra'], ['publish', '-z', 'e'],
    ['publish', '--to'], ['publish', '--to', 'x', '-r', 'a', 'e'], ['publish', '-x', 'a', '-t', 'x', 'e'], ['publish', '-K', 'k', '--to', 'x', 'e'],
    ['publish', '-q', 'soon', 'e'], ['publish', '-q', '-1', 'e'], ['publish', '-q', '0', 'e'], ['publish', '-q', 'now', '--to', 'x', 'e'],
    ['status', 'extra'], ['watch', 'extra'], ['watch', '-S', 'abc'], ['-z'], ['-s', 'ftp://x', 'status'], ['-s'],
  ];
  for (const args of lines) {
    const { code, stderr } = await run('stentorctl', args);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.ok(stderr.length > 10);
  }
});

test('-V and -h end with 0', async () => {
  assert.match((await run('stentorctl', ['-V'])).stdout, /^stentorctl \d/);
  assert.match((await run('stentorctl', ['-h'])).stdout, /usage/);
});

test('a server that is not there is 1, and says so', async () => {
  for (const target of ['http://127.0.0.1:1', 'unix:/nonexistent/x.sock']) {
    for (const command of [['status'], ['publish', 'e'], ['watch']]) {
      const { code, stderr } = await run('stentorctl', ['-s', target, ...command]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /cannot connect|No such file/);
    }
  }
});

test('status: for people, and as JSON', withServer({}, async (server) => {
  await server.native();
  const people = await ctl(server, ['status']);
  assert.equal(people.code, 0);
  assert.match(people.stdout, /^stentord \d/);
  assert.match(people.stdout, /clients +1$/m);
  const json = await ctl(server, ['status', '-j']);
  assert.equal(JSON.parse(json.stdout).clients, 1);
  const refused = await run('stentorctl', ['-s', origin(server.clients), 'status']);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /admin listener/);
}));

test('watch prints a line of JSON per message until a signal', withServer({ namespaces: ['/', '/x'] }, async (server) => {
  const watcher = await watch(server, ['-r', 'a', '-r', 'ü b']);
  await server.untilMetric('memberships', 3);
  const { seq } = await server.publish({ room: 'a', event: 'e', data: { x: 'ü\n' } });
  await server.publish({ room: 'ü b', event: 'f' });
  await server.publish({ room: 'other', event: 'not here' });
  await server.publish({ event: 'g', args: [] });
  const lines = (await watcher.lines(3)).map((line) => JSON.parse(line));

  assert.deepEqual(lines[0], { type: 'message', seq, room: 'a', event: 'e', data: { x: 'ü\n' } });
  assert.deepEqual(lines.map(({ event }) => event), ['e', 'f', 'g']);
  watcher.kill('SIGINT');
  assert.equal((await within(watcher.exit, 'the end of watch')).code, 0);
}));

test('watch -S begins in the past, -n is in another namespace, -p is for people', withServer({ namespaces: ['/', '/x'] }, async (server) => {
  const { seq } = await server.publish({ namespace: '/x', event: 'one' });
  await server.publish({ namespace: '/x', event: 'two', data: 2 });
  const since = await watch(server, ['-n', '/x', '-S', String(seq)]);
  assert.equal(JSON.parse((await since.lines(1))[0]).event, 'two');
  const people = await watch(server, ['-p', '-n', '/x', '-S', String(seq)]);
  assert.match((await people.lines(1))[0], /^\d\d:\d\d:\d\d\S* +\* +two +2$/);
}));

test('watch ends with 1 when the server stops', withServer({}, async (server) => {
  const watcher = await watch(server);
  server.terminate();
  const { code, stderr } = await within(watcher.exit, 'the end of watch');

  assert.equal(code, 1);
  assert.match(stderr, /1001|stop|clos/i);
}));

test('watch is told why it is refused', withServer({}, async (server) => {
  for (const [args, message] of [[['-n', '/nowhere'], /namespace/], [['-r', '*'], /room/]]) {
    const { code, stderr } = await ctl(server, ['watch', ...args]);
    assert.equal(code, 1);
    assert.match(stderr, message);
  }
}));

test('through a unix socket', async (t) => {
  const path = `${os.tmpdir()}/stentorctl-${process.pid}.sock`;
  await withServer({ listeners: [{ address: `unix:${path}`, admin: true }] }, async () => {
    for (const args of [['publish', 'e', '1'], ['status']]) {
      const { code, stderr } = await run('stentorctl', ['-s', `unix:${path}`, ...args]);
      assert.equal(code, 0, stderr);
    }
  })(t);
});
