// MessagePack bodies, and publishing them.
import assert from 'node:assert/strict';
import { encode } from '@msgpack/msgpack';

import { request } from './http.mjs';

export const bytes = (...values) => Buffer.from(values);
export const packed = (value, options) => Buffer.from(encode(value, options));
export const fromHex = (digits) => Buffer.from(digits.replaceAll(' ', ''), 'hex');

// Posts the body to the admin listener.
export function post(server, body, { path = '/publish', type = 'application/msgpack' } = {}) {
  return request(server.admin, path, { method: 'POST', headers: { 'Content-Type': type }, body });
}

// Publishes an envelope, or several; the answer, which must be a 200.
export async function publishPacked(server, value) {
  const answer = await post(server, packed(value));
  assert.equal(answer.status, 200, answer.text);
  return answer.json();
}
