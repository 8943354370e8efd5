// Certificates for tests, made with the openssl command: an authority, and what it issues.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const kinds = {
  ecdsa: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
  rsa: ['-newkey', 'rsa:2048'],
};

function openssl(args) {
  return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

// A date as openssl's options want it.
function stamp(days) {
  return new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '');
}

export class Authority {
  #serial = 1;

  // `above` is the authority that issues this one; without it, it is a root.
  constructor(directory, name = 'Stentor test root', above) {
    this.directory = directory;
    this.name = name;
    this.above = above;
    const file = name.replaceAll(/\W+/g, '-').toLowerCase();
    this.certificate = path.join(directory, `${file}.pem`);
    this.key = path.join(directory, `${file}.key`);
    fs.writeFileSync(path.join(directory, `${file}.txt`), ''); // openssl's list of what was issued
    this.database = path.join(directory, `${file}.txt`);
    if (above === undefined) {
      openssl(['req', '-x509', ...kinds.ecdsa, '-nodes', '-keyout', this.key, '-out', this.certificate, '-days', '30',
        '-subj', `/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature']);
    } else {
      above.sign(this.key, this.certificate, { subject: name, extensions: ['basicConstraints=critical,CA:TRUE'] });
    }
  }

  static temporary(t) {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'certificates-'));
    t?.after(() => fs.rmSync(directory, { recursive: true }));
    return new Authority(directory);
  }

  sign(key, certificate, { subject, extensions, kind = 'ecdsa', from = -1, days = 30 }) {
    const config = path.join(this.directory, 'ca.conf');
    fs.writeFileSync(config, [
      '[ca]', 'default_ca = here', '[here]', `database = ${this.database}`, 'default_md = sha256',
      `new_certs_dir = ${this.directory}`, 'policy = any', 'rand_serial = yes', 'unique_subject = no',
      'x509_extensions = ours', '[any]', 'commonName = optional', '[ours]', ...extensions, '',
    ].join('\n'));
    const request = path.join(this.directory, 'request.pem');
    openssl(['req', '-new', ...kinds[kind], '-nodes', '-keyout', key, '-out', request, '-subj', `/CN=${subject}`]);
    openssl(['ca', '-batch', '-notext', '-config', config, '-cert', this.certificate, '-keyfile', this.key, '-in', request,
      '-out', certificate, '-startdate', stamp(from), '-enddate', stamp(days)]);
    fs.chmodSync(key, 0o600);
  }

  // The authorities from this one up to, and without, the root.
  get intermediates() {
    return this.above === undefined ? '' : fs.readFileSync(this.certificate) + this.above.intermediates;
  }

  // Files { chain, key, ocsp } of a server's (or a client's) certificate for these names.
  issue(names, { file = `${names[0].replaceAll(/\W+/g, '_')}-${this.#serial++}`, ocsp = false, ...options } = {}) {
    const key = path.join(this.directory, `${file}.key`);
    const chain = path.join(this.directory, `${file}.pem`);
    const alternatives = names.map((name) => (/^[\d.]+$|::/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',');
    this.sign(key, chain, { subject: names[0], extensions: [`subjectAltName = ${alternatives}`], ...options });
    const issued = { chain, key };
    if (ocsp) issued.ocsp = this.#respond(chain, ocsp);
    fs.appendFileSync(chain, this.intermediates);
    return issued;
  }

  // What a responder says about the certificate for that many days, of which none may be left.
  #respond(chain, days) {
    const out = chain.replace(/pem$/, 'ocsp');
    openssl(['ocsp', '-index', this.database, '-CA', this.certificate, '-rsigner', this.certificate, '-rkey', this.key,
      '-issuer', this.certificate, '-cert', chain, '-respout', out, '-ndays', `${Math.abs(days)}`]);
    if (days > 0) return out;
    // Its nextUpdate, a GeneralizedTime: openssl makes none that are out of date.
    const response = fs.readFileSync(out, 'latin1').replace(/(\xa0\x11\x18\x0f)\d{4}/, '$12020');
    fs.writeFileSync(out, response, 'latin1');
    return out;
  }
}

// As a program: node certificates.mjs DIRECTORY makes what all tests through TLS use.
if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [directory] = process.argv.slice(2);
  const authority = new Authority(directory, 'ca');
  authority.issue(['localhost', '127.0.0.1', '::1'], { file: 'server' });
}
