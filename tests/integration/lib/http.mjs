// One HTTP request on a connection of its own.
import { httpFor } from './tls.mjs';
import { within } from './wait.mjs';

export function request(listener, path, { method = 'GET', headers = {}, body, agent = false } = {}) {
  const answer = new Promise((resolve, reject) => {
    const outgoing = httpFor(listener).request({ ...listener, path, method, headers, agent }, (incoming) => {
      const chunks = [];
      incoming.on('error', reject);
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('end', () => {
        const content = Buffer.concat(chunks);
        resolve({
          status: incoming.statusCode,
          headers: incoming.headers,
          body: content,
          text: content.toString(),
          json: () => JSON.parse(content),
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
  return within(answer, `the answer to ${method} ${path}`);
}
